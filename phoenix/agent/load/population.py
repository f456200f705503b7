"""The simulated processes: their files, their start, their end, and who is alive."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import NamedTuple, Optional

from phoenix.agent import protocol
from phoenix.agent.load import image
from phoenix.agent.load.request import Child, Start

_KILL_SECONDS = 10.0
_SPARE_FILES = 256
_IMAGE = "=image"
"""No name of a process begins so."""

_RESET = [signal.SIGPIPE, signal.SIGXFSZ]
"""Python ignores these, and ignoring is inherited."""


class Member(NamedTuple):
    """A living process: its place among the standing ones (-1 for a short-lived one), and its file."""

    number: int
    path: str


class Population:
    """Children of this thread: they die with it, so the generator stays single-threaded.

    Attributes:
        alive: PID -> who it is.
        standing: How many of the living are standing ones.
        spawned: Processes started so far.
        exited: Processes reaped so far.
        exited_cpu: CPU seconds of those.
        refusal: What the host did not allow a process, by which it ended at once; None where it allowed all.
    """

    def __init__(self, start: Start) -> None:
        self.alive: dict[int, Member] = {}
        self.standing = 0
        self.spawned = 0
        self.exited = 0
        self.exited_cpu = 0.0
        self.refusal: Optional[protocol.RefusedError] = None
        self._run_dir = start.run_dir
        self._children = start.children
        self._churners = start.churn.behaviours
        self._folders: dict[image.Behaviour, str] = {}
        self._links: dict[str, int] = {}
        self._room = len(start.children) + _SPARE_FILES
        self._environment = protocol.marks(start.owner)
        self._actions: list[tuple[int, int, int]] = []

    def prepare(self) -> None:
        """Write the programs, one for each behaviour.

        Raises:
            OSError: The folder cannot hold them.
        """
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
        machine, pid = os.uname().machine, os.getpid()
        for behaviour in (*(child.behaviour for child in self._children), *self._churners):
            if behaviour not in self._folders:
                folder = self._folders[behaviour] = f"{self._run_dir}/{len(self._folders)}"
                os.mkdir(folder, 0o700)
                _write(f"{folder}/{_IMAGE}", image.build(machine, pid, behaviour))

    def spawn(self, child: Child, index: int = -1) -> int:
        """Start a process; returns its PID.

        Raises:
            OSError: The host refuses (process limits, a folder mounted noexec).
        """
        folder = self._folders[child.behaviour]
        path = f"{folder}/{child.name}"
        if path not in self._links:
            os.link(f"{folder}/{_IMAGE}", path)
            self._links[path] = 0
        pid = os.posix_spawn(
            path,
            [child.name, *child.arguments],
            self._environment,
            file_actions=self._actions,
            setsigdef=_RESET,
        )
        self._links[path] += 1
        self.alive[pid] = Member(index, path)
        self.standing += index >= 0
        self.spawned += 1
        return pid

    def reap(self) -> list[tuple[int, int]]:
        """The standing processes that ended since the last call: index and PID."""
        ended: list[tuple[int, int]] = []
        while self.alive:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            member = self.alive.pop(pid, None)
            if member is None:
                continue  # an orphan of somebody else in our namespace
            self.exited_cpu += usage.ru_utime + usage.ru_stime
            self.exited += 1
            if status:
                self.refusal = self.refusal or _refusal(os.waitstatus_to_exitcode(status))
            self._links[member.path] -= 1
            if member.number >= 0:
                self.standing -= 1
                ended.append((member.number, pid))
            elif not self._links[member.path] and len(self._links) > self._room:
                # Short-lived processes may have ever new names: then their files go with them.
                del self._links[member.path]
                os.unlink(member.path)
        return ended

    def end(self, pid: int) -> None:
        """End one process; its PID cannot be another's before it is reaped."""
        if pid in self.alive:
            os.kill(pid, signal.SIGTERM)

    def stop(self) -> None:
        """Kill and reap every process: they hold nothing that could be lost."""
        for pid in self.alive:
            with suppress(PermissionError):  # then the kernel ends it with us, or the guard tells of it
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _KILL_SECONDS
        while self.alive and time.monotonic() < deadline:
            self.reap()
            if self.alive:
                select.select([], [], [], 0.005)


def _refusal(code: int) -> Optional[protocol.RefusedError]:
    if code == image.EXIT_NO_MEMORY:
        return protocol.RefusedError("not_enough_memory", "the host gave a process no room for its memory")
    if code == image.EXIT_USER_REFUSED:
        return protocol.RefusedError("not_permitted", "the host let no process become its user")
    return None


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
