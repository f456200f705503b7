"""One command of the agent on a host: JSON lines over its pipes, and an end that is checked.

It ends by end of file on its standard input, so also when we are killed: only we hold the other end of that pipe.
"""

import json
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import cast

from phoenix.adapters.hosts.detached import with_deadline
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.machines.machine import Machine, Row
from phoenix.domain.errors import DependencyError

PROTOCOL_VERSION = 1

_LONGEST_LINE = 64 * 1024 * 1024
_CHUNK = 1 << 20
_MOMENT = timedelta(seconds=1)
"""From the end of its output to its own, at most; then nobody waits for its status."""

_LEAVE = timedelta(seconds=15)
"""The load gives its children 2 s to end and then 10 s to be killed before it says farewell."""

Message = Mapping[str, object]


class AgentProcess:
    """A running command.

    Args:
        machine: Of the host.
        command: Program and arguments of the agent.
        environ: Its marks.
        lifetime: After it the agent ends without any of us.
        ours: Who of the processes belongs to it, and must be gone when it has ended.
    """

    def __init__(
        self,
        machine: Machine,
        command: Sequence[str],
        environ: Mapping[str, str],
        lifetime: timedelta,
        ours: Callable[[], Sequence[Row]],
    ) -> None:
        self._machine = machine
        self._name = command[-1]
        self._ours = ours
        self._pipe = machine.open(with_deadline(command, lifetime), environ)
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
            if not _is_ready(self._pipe.stdin, select.POLLOUT, deadline - time.monotonic()):
                raise self._failure("does not read its requests", "agent_timeout")
            try:
                line = line[os.write(self._pipe.stdin, line) :]
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
            if not _is_ready(self._pipe.stdout, select.POLLIN, deadline - time.monotonic()):
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
            raise self._failure(f"says: {message.get('message')}", str(message.get("code")))
        return message

    def drain(self) -> Iterator[Message]:
        """The messages that are there already, none if it is silent; what has not come whole waits for the next call.

        Raises:
            DependencyError: The agent is gone, or reports an error; behind the messages that came before.
        """
        while True:
            while b"\n" not in self._rest:
                if not _is_ready(self._pipe.stdout, select.POLLIN, 0.0):
                    return
                self._read()
            yield self.receive(time.monotonic())

    def close(self) -> None:
        """End it and everything it started.

        Raises:
            DependencyError: Something survives.
        """
        try:
            self._pipe.end_input()
            self._pipe.wait(_LEAVE)
            end_all(self._machine, self._ours)
        finally:
            self._pipe.close()

    def _read(self) -> None:
        data = os.read(self._pipe.stdout, _CHUNK)
        if not data:
            self._pipe.wait(_MOMENT)
            status = self._pipe.status()
            raise self._failure("ended" if status is None else f"ended with status {status}", "agent_died")
        if len(self._rest) + len(data) > _LONGEST_LINE:
            raise self._failure("sends a line without end", "agent_broken")
        self._rest += data

    def _failure(self, what: str, code: str) -> DependencyError:
        tail = self._pipe.last_words()
        return DependencyError(
            f"the agent ({self._name}) {what}",
            code=code,
            hint=f"its last words: {tail}" if tail else "",
            details={"status": self._pipe.status()},
        )


def _is_ready(fd: int, event: int, seconds: float) -> bool:
    """Whether a pipe can be read or written within that time; `select` refuses descriptors from 1,024 on."""
    poller = select.poll()
    poller.register(fd, event)
    return bool(poller.poll(max(0.0, seconds) * 1000))
