"""One command of the agent on this machine: JSON lines over its pipes, and an end that is checked.

It ends by end of file on its stdin, so also when we are killed: only we hold the other end of that pipe.
"""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import cast

from phoenix.adapters.hosts import process_table
from phoenix.adapters.hosts.detached import with_deadline
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.process_table import Row
from phoenix.domain.errors import DependencyError

PROTOCOL_VERSION = 1

_LONGEST_LINE = 64 * 1024 * 1024
_CHUNK = 1 << 20
_TAIL_BYTES = 4096
_LEAVE_SECONDS = 15.0
"""The load gives its children 2 s to end and then 10 s to be killed before it says farewell."""

Message = Mapping[str, object]


class AgentProcess:
    """A running command.

    Args:
        command: Program and arguments of the agent.
        environ: Its whole environment.
        lifetime: After it the agent ends without any of us.
        strays: Who else must be gone when it has ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        lifetime: timedelta,
        strays: Callable[[], Sequence[Row]],
    ) -> None:
        self._name = command[-1]
        self._strays = strays
        # Without a name, so that nothing of it is left whatever happens to us.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the agent
        self._process = subprocess.Popen(
            with_deadline(command, lifetime),
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd="/",
            bufsize=0,
            # Ctrl-C on our terminal is ours to handle: the agent must still take the last census.
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - they are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        self._rest = bytearray()

    def send(self, deadline: float, kind: str, **fields: object) -> None:
        """Write one request.

        Args:
            deadline: Monotonic clock, s.
            kind: Type of the request.
            fields: What else stands in it.

        Raises:
            DependencyError: The agent is gone, or does not read.
        """
        line = json.dumps({"v": PROTOCOL_VERSION, "type": kind, **fields}).encode() + b"\n"
        while line:
            if not select.select([], [self._stdin], [], max(0.0, deadline - time.monotonic()))[1]:
                raise self._failure("does not read its requests", "agent_timeout")
            try:
                line = line[os.write(self._stdin.fileno(), line) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._failure("ended", "agent_died") from error

    def receive(self, deadline: float) -> Message:
        """The next message, by the deadline (monotonic clock, s).

        Raises:
            DependencyError: The agent is gone, silent, or reports an error.
        """
        while b"\n" not in self._rest:
            if not select.select([self._stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise self._failure("does not answer in time", "agent_timeout")
            self._read()
        line, _, rest = self._rest.partition(b"\n")
        self._rest = rest
        try:
            found = cast("object", json.loads(line))
        except ValueError as error:
            raise self._failure(f"speaks no JSON: {line[:100]!r}", "agent_broken") from error
        if not isinstance(found, dict):
            raise self._failure(f"sends no object: {line[:100]!r}", "agent_broken")
        message = cast("Message", found)
        if message.get("type") == "error":
            raise self._failure(str(message.get("message")), str(message.get("code")))
        return message

    def drain(self) -> list[Message]:
        """The messages that are there already; none if it is silent."""
        messages: list[Message] = []
        while b"\n" in self._rest or select.select([self._stdout], [], [], 0)[0]:
            messages.append(self.receive(time.monotonic()))
        return messages

    def close(self) -> None:
        """End it and everything it started.

        Raises:
            DependencyError: Something survives.
        """
        self._stdin.close()
        try:
            handle = os.pidfd_open(self._process.pid)
            select.select([handle], [], [], _LEAVE_SECONDS)
            os.close(handle)
            # Not reaped yet: until then its pid can name no session but ours.
            end_all(self._left)
        finally:
            with suppress(subprocess.TimeoutExpired):  # what cannot be killed was reported already
                self._process.wait(1)
            self._stdout.close()
            self._errors.close()

    def _left(self) -> list[Row]:
        session = self._process.pid
        mine = [one for one in process_table.rows() if one.session == session]
        return [*mine, *(one for one in self._strays() if one not in mine)]

    def _read(self) -> None:
        data = os.read(self._stdout.fileno(), _CHUNK)
        if not data:
            raise self._failure("ended", "agent_died")
        if len(self._rest) + len(data) > _LONGEST_LINE:
            raise self._failure("sends a line without end", "agent_broken")
        self._rest += data

    def _failure(self, what: str, code: str) -> DependencyError:
        tail = self._last_words()
        return DependencyError(
            f"the agent ({self._name}) {what}",
            code=code,
            hint=f"its last words: {tail}" if tail else "",
            details={"status": self._status()},
        )

    def _status(self) -> int | None:
        """Its exit status, if it ended; it is not reaped here."""
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended.si_status if ended else None

    def _last_words(self) -> str:
        size = os.fstat(self._errors.fileno()).st_size
        data = os.pread(self._errors.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        return data.decode(errors="replace").strip()
