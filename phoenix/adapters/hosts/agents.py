"""Sessions with the agent: opened, handed out, and ended with everything they started."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

from phoenix.adapters.hosts.agent_process import AgentProcess
from phoenix.adapters.hosts.census_session import AgentCensusSession
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.load_session import READY_SECONDS, AgentLoadSession
from phoenix.adapters.hosts.marks import CENSUS, LOAD, HostMarks, marked
from phoenix.adapters.hosts.trouble import host_trouble
from phoenix.adapters.machines.machine import Machine, Row
from phoenix.domain.errors import DependencyError, StateError

CAGE_PREFIX = "phoenix-load-"
"""The agent's control groups are called so; behind it stand the owner, a colon and the guard's PID."""

_FIND_GROUPS = ("find", "/sys/fs/cgroup", "-depth", "-type", "d", "-name")
_REMOVE_FOUND = ("-exec", "rmdir", "{}", ";")
_HELLO_SECONDS = 20.0
"""Python starts in 30 ms; the rest is for a busy host."""

_OVERTIME = timedelta(seconds=15)
"""A load keeps its deadline itself, and can say so then; only one that hangs is ended from outside."""


class Agents:
    """The agent sessions of one host.

    Args:
        machine: Of the host.
        marks: Of the host.
        command: Gives Python and the agent's file; DependencyError where the host has none.
    """

    def __init__(self, machine: Machine, marks: HostMarks, command: Callable[[], Sequence[str]]) -> None:
        self._machine = machine
        self._marks = marks
        self._command = command

    @contextmanager
    def census(self, owner: str, lifetime: timedelta) -> Generator[AgentCensusSession]:
        with self._agent(owner, CENSUS, lifetime) as agent:
            hello = agent.receive(time.monotonic() + _HELLO_SECONDS)
            yield AgentCensusSession(agent, cast("Sequence[str]", hello.get("columns", ())))

    @contextmanager
    def load(
        self, owner: str, request: Mapping[str, object], lifetime: timedelta
    ) -> Generator[AgentLoadSession]:
        run = self.run_folder(owner) / LOAD
        # An earlier load of this owner, whose driver was killed a moment ago.
        end_all(self._machine, lambda: self._find(owner, LOAD))
        self.remove_run(owner)
        with host_trouble(self._marks.name):
            self._machine.make_folder(run.parent)
            demand_executable(self._machine, run.parent)
        try:
            with self._agent(owner, LOAD, lifetime + _OVERTIME) as agent:
                agent.receive(time.monotonic() + _HELLO_SECONDS)
                where = {"run_dir": str(run), "owner": owner, "deadline_seconds": lifetime.total_seconds()}
                session = AgentLoadSession(agent)
                with session.beating():
                    session.begin({**request, **where}, timedelta(seconds=READY_SECONDS))
                    yield session
        finally:
            self.remove_run(owner)

    def run_folder(self, owner: str) -> Path:
        return self._marks.folder / "runs" / owner

    def remove_run(self, owner: str) -> None:
        """Remove what the agent leaves when it is killed: its files, and its control groups where it made some."""
        folder = self.run_folder(owner)
        if self._machine.exists(folder):
            self._machine.run([*_FIND_GROUPS, f"{CAGE_PREFIX}{owner}:*", *_REMOVE_FOUND])
            self._machine.remove(folder)

    def _find(self, owner: str, place: str) -> list[Row]:
        return [one for one, where in marked(self._machine, self._marks, owner) if where == place]

    @contextmanager
    def _agent(self, owner: str, command: str, lifetime: timedelta) -> Generator[AgentProcess]:
        with host_trouble(self._marks.name):
            marks = self._marks.environ(owner, command)
            argv = [*self._command(), command]
            agent = AgentProcess(self._machine, argv, marks, lifetime, lambda: self._find(owner, command))
        try:
            yield agent
        except BaseException as error:
            try:
                agent.close()
            except DependencyError as later:
                error.add_note(f"and the clean-up failed: {later}")
            raise
        agent.close()


def demand_executable(machine: Machine, folder: Path) -> None:
    """The simulated processes are files of this folder.

    Raises:
        StateError: It is mounted noexec.
    """
    if "noexec" in _mount_options(machine, folder):
        raise StateError(
            f"no program may run from {folder}: it is mounted noexec",
            code="noexec",
            hint="set PHOENIX_HOME to a folder on a file system that allows it, or remount this one with exec",
        )


def _mount_options(machine: Machine, folder: Path) -> Sequence[str]:
    """Of the file system that `folder` is on: the last mounted among the longest (proc_mounts(5))."""
    best, options = "", ""
    for line in (machine.read(Path("/proc/self/mounts")) or "").splitlines():
        _, place, _, found, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(best):
            best, options = place, found
    return options.split(",")
