"""A program on a host whose standard input and output are pipes of our own operating system."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import BinaryIO

from phoenix.adapters.machines.ssh_command import PID_MARK
from phoenix.adapters.machines.ssh_loop import wait_for
from phoenix.adapters.machines.ssh_session import Session

_TAIL_BYTES = 4096
_GRACE_SECONDS = 0.25
"""For a program that heeds the end of its input, as all of ours do."""

_END_SECONDS = 1.0

Kill = Callable[[int], Awaitable[None]]
Begin = Callable[[Session], Awaitable[Kill]]


class PipeSession(Session):
    """The side of the loop: carries bytes between the channel and two pipes, each at the other's pace."""

    def __init__(self) -> None:
        super().__init__()
        self.pid: int | None = None
        self._errors = bytearray()
        self._from_us: asyncio.ReadTransport | None = None
        self._to_us: asyncio.WriteTransport | None = None

    async def write_to(self, pipe: BinaryIO) -> None:
        loop = asyncio.get_running_loop()
        self._to_us, _ = await loop.connect_write_pipe(lambda: _ToUs(self), pipe)

    async def read_from(self, pipe: BinaryIO) -> None:
        loop = asyncio.get_running_loop()
        self._from_us, _ = await loop.connect_read_pipe(lambda: _FromUs(self), pipe)
        if self.ended.is_set():
            self._from_us.close()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if not datatype and self._to_us:
            self._to_us.write(data)
        elif datatype:
            self._errors += data
            self._take_pid()
            del self._errors[:-_TAIL_BYTES]

    def eof_received(self) -> bool:
        if self._to_us:
            self._to_us.close()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for transport in (self._to_us, self._from_us):
            if transport:
                transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._from_us:
            self._from_us.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._from_us:
            self._from_us.resume_reading()

    def last_words(self) -> str:
        words = self._errors.decode(errors="replace").strip()
        return f"{words} ({self.lost})".strip() if self.lost else words

    def _take_pid(self) -> None:
        before, mark, after = self._errors.partition(PID_MARK)
        number, newline, rest = after.partition(b"\n")
        if self.pid is None and mark and newline and number.isdigit():
            self.pid = int(number)
            self._errors = before + rest


class _FromUs(asyncio.Protocol):
    def __init__(self, session: PipeSession) -> None:
        self._session = session

    def data_received(self, data: bytes) -> None:
        self._session.write(data)

    def eof_received(self) -> None:
        self._session.end_input()


class _ToUs(asyncio.BaseProtocol):
    def __init__(self, session: PipeSession) -> None:
        self._session = session

    def pause_writing(self) -> None:
        self._session.pause()

    def resume_writing(self) -> None:
        self._session.resume()


class SshPipe:
    """A `Pipe` to a program on a host. When this process dies, however it does, the program's input ends.

    Args:
        session: Of the program.
        stdin: To write to, not blocking; owned.
        stdout: To read from; owned.
        kill: Kills a process of the host.
    """

    def __init__(self, session: PipeSession, stdin: BinaryIO, stdout: BinaryIO, kill: Kill) -> None:
        self._session = session
        self._stdin = stdin
        self._stdout = stdout
        self._kill = kill
        self._guard = threading.Lock()

    @property
    def stdin(self) -> int:
        return self._stdin.fileno()

    @property
    def stdout(self) -> int:
        return self._stdout.fileno()

    def status(self) -> int | None:
        """Its exit status, 128 and the signal that ended it, 255 if the connection was lost; None while it runs."""
        return self._session.status

    def last_words(self) -> str:
        """The end of its standard error, and why its end was not heard of if it was not."""
        return self._session.last_words()

    def wait(self, timeout: timedelta) -> bool:
        """Whether it ended within `timeout`."""
        return wait_for(self._exited(timeout.total_seconds()))

    def end_input(self) -> None:
        self._stdin.close()

    def close(self) -> None:
        """Release everything; ends it if it still runs."""
        with self._guard:
            self.end_input()
            wait_for(self._end())
            self._stdout.close()

    async def _end(self) -> None:
        if not await self._exited(_GRACE_SECONDS) and self._session.pid is not None:
            await self._kill(self._session.pid)
            await self._exited(_END_SECONDS)
        self._session.kill()

    async def _exited(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._session.exited.wait(), seconds)
        return self._session.exited.is_set()


async def opened(begin: Begin) -> SshPipe:
    """Start a program between two pipes.

    Args:
        begin: Starts it with the session that hears of it; returns what can kill processes over there.
    """
    session = PipeSession()
    theirs_in, ours_in = _pipe()
    ours_out, theirs_out = _pipe()
    os.set_blocking(ours_in.fileno(), False)
    try:
        await session.write_to(theirs_out)
        kill = await begin(session)
        await session.read_from(theirs_in)
    except BaseException:
        session.kill()
        session.connection_lost(None)
        for end in (theirs_in, theirs_out, ours_in, ours_out):
            end.close()
        raise
    return SshPipe(session, ours_in, ours_out, kill)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    source, sink = os.pipe()
    return os.fdopen(source, "rb", buffering=0), os.fdopen(sink, "wb", buffering=0)
