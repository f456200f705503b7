"""One program on a host, from the side of the connection's loop: how it runs, what it says, how it ends."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from signal import Signals

import asyncssh
from asyncssh.constants import OPEN_CONNECT_FAILED

LOST = 255
"""The status of a program whose end nobody heard of, as ssh has it."""

_SIGNALLED = 128


class Gone(Exception):
    """The connection was lost.

    Attributes:
        began: Whether the program may have run.
    """

    def __init__(self, why: str, *, began: bool) -> None:
        super().__init__(why)
        self.began = began


class Refused(Exception):
    """The host is there, but runs nothing for us."""


class Session(asyncssh.SSHClientSession[bytes]):
    """A program: its status and the pace at which it reads. What it says is for those who inherit.

    Attributes:
        status: Its exit status, 128 and the number of the signal that ended it, or `LOST`; None while it runs.
        lost: Why its end was not heard of; "" if it was.
        began: Whether the host was asked to run it.
        exited: Set when its status is known.
        ended: Set when nothing more will come.
        may_write: Set while the host takes what it is given.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.lost = ""
        self.began = False
        self.exited = asyncio.Event()
        self.ended = asyncio.Event()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.leave: Callable[[], None] = lambda: None
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.began = True
        self._channel = chan

    def exit_status_received(self, status: int) -> None:
        self.status = status
        self.exited.set()

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        number = Signals.__members__.get(f"SIG{signal}")
        self.status = _SIGNALLED + (number or 0)
        self.exited.set()

    def eof_received(self) -> bool:
        """It may still read when it says nothing more."""
        return True

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.status is None:
            self.status = LOST
            self.lost = str(exc or "the connection was closed")
        self.exited.set()
        self.ended.set()
        self.may_write.set()
        self.leave()

    def write(self, data: bytes) -> bool:
        """Give it `data`; False if it reads no more."""
        try:
            self._open_channel().write(data)
        except OSError:
            return False
        return True

    def end_input(self) -> None:
        with suppress(OSError):
            self._open_channel().write_eof()

    def kill(self) -> None:
        """Ask the host to kill it, and hear no more of it.

        OpenSSH refuses the signal to root's programs; those end at the end of their lifetime or of their input.
        """
        if self._channel and not self.ended.is_set():
            with suppress(OSError):
                self._channel.kill()
            self._channel.abort()

    def pause(self) -> None:
        if self._channel:
            self._channel.pause_reading()

    def resume(self) -> None:
        if self._channel:
            self._channel.resume_reading()

    def _open_channel(self) -> asyncssh.SSHClientChannel[bytes]:
        if self._channel is None:
            raise BrokenPipeError
        return self._channel


class Capture(Session):
    """A program all of whose words are kept.

    Args:
        limit: Bytes of both outputs together.

    Attributes:
        is_too_much: Whether it said more and was cut off.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.out = bytearray()
        self.err = bytearray()
        self.is_too_much = False
        self._limit = limit

    def data_received(self, data: bytes, datatype: int | None) -> None:
        (self.err if datatype else self.out).extend(data)
        if len(self.out) + len(self.err) > self._limit:
            self.is_too_much = True
            self.kill()


class Seats:
    """Sessions on one connection: sshd takes only so many at once (MaxSessions), which only its refusal tells."""

    _PATIENCE_SECONDS = 0.2

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection
        self._freed = asyncio.Event()

    async def begin(self, session: Session, command: str) -> None:
        """Run `command`, as soon as there is a seat; how long that may take is the caller's to limit.

        Raises:
            Gone: The connection is lost.
            Refused: The host runs no commands.
        """
        while not await self._took_seat(session, command):
            self._freed.clear()
            # A program that we gave up may still hold its seat over there, and its end is not told.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), self._PATIENCE_SECONDS)

    async def _took_seat(self, session: Session, command: str) -> bool:
        opening = asyncio.ensure_future(self._create(session, command))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(lambda done: done.cancelled() or done.exception() or session.kill())
            raise
        except asyncssh.ChannelOpenError as error:
            if self._connection.is_closed():
                raise Gone(error.reason, began=session.began) from error
            if session.began or error.code != OPEN_CONNECT_FAILED:
                raise Refused(error.reason) from error
            return False
        except (OSError, asyncssh.Error) as error:
            raise Gone(str(error), began=session.began) from error
        return True

    async def _create(self, session: Session, command: str) -> None:
        session.leave = self._freed.set
        await self._connection.create_session(lambda: session, command, encoding=None)
