"""JSON lines, versioned: requests on stdin, messages on stdout, one object a line, `v` and `type` in each.

End of file on stdin, or a reader that went away, means that the control plane is gone: a command then ends by itself.
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
from typing import Any

VERSION = 1
EXIT_FAILED = 1
EXIT_REFUSED = 2

OWNER_VARIABLE = "PHOENIX_OWNER"
"""Stands in the environment of whatever an experiment starts, so that a scan can prove that nothing is left."""

FOLDER_VARIABLE = "PHOENIX_FOLDER"
"""Says of which host; handed on from the agent's own environment, where whoever started it has put it."""

_OWNER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STDOUT = 1


def marks(owner: str) -> dict[str, str]:
    """What stands in the environment of each process that is started for `owner`."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return {OWNER_VARIABLE: owner, **({FOLDER_VARIABLE: folder} if folder else {})}


class RefusedError(Exception):
    """The request cannot be served as asked; becomes an `error` message and exit 2."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Lines:
    """Requests from a file descriptor; works blocking as well as behind a selector.

    Attributes:
        eof: The other side closed the pipe.
    """

    def __init__(self, fd: int) -> None:
        self.eof = False
        self._fd = fd
        self._rest = b""
        self._backlog: list[dict[str, Any]] = []

    def read_first(self) -> dict[str, Any] | None:
        """The first request that one read completes; `take_backlog` has those that came along."""
        requests = self.read()
        self._backlog = requests[1:]
        return requests[0] if requests else None

    def take_backlog(self) -> list[dict[str, Any]]:
        """What came along with the first request."""
        taken, self._backlog = self._backlog, []
        return taken

    def read(self) -> list[dict[str, Any]]:
        """The requests that one read completes, perhaps none."""
        data = os.read(self._fd, 1 << 20)
        self.eof = not data
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [parse(line) for line in whole if line.strip()]


def parse(line: bytes) -> dict[str, Any]:
    """One request.

    Raises:
        RefusedError: Not a JSON object, or not our version.
    """
    try:
        request = json.loads(line)
    except ValueError as error:
        raise RefusedError("bad_request", f"a request must be one JSON object a line: {error}") from error
    if not isinstance(request, dict):
        raise RefusedError("bad_request", "a request must be one JSON object a line")
    if request.get("v") != VERSION:
        raise RefusedError(
            "unsupported_version", f"this agent speaks version {VERSION}, not {request.get('v')!r}"
        )
    return request


def hello(command: str, **fields: object) -> None:
    """The first message of every command."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    emit("hello", command=command, pid=os.getpid(), python=python, **fields)


def emit(kind: str, **fields: object) -> None:
    """Write one message; blocks while the reader is slow."""
    line = json.dumps({"v": VERSION, "type": kind, **fields}, separators=(",", ":")).encode() + b"\n"
    while line:
        line = line[os.write(_STDOUT, line) :]


def emit_if_ready(kind: str, **fields: object) -> None:
    """Write one short message, or drop it when the reader is slow: the work must not wait for it."""
    if select.select([], [_STDOUT], [], 0)[1]:
        emit(kind, **fields)


def owner_name(value: object) -> str:
    """A usable owner.

    Raises:
        RefusedError: Empty, too long or with characters that an environment scan could confuse.
    """
    if not isinstance(value, str) or not _OWNER.fullmatch(value):
        raise RefusedError("bad_request", f"owner must match {_OWNER.pattern}, not {value!r}")
    return value
