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
from phoenix.domain.errors import DependencyError

_HELLO_SECONDS = 20.0
"""Python starts in 30 ms; the rest is for a busy host."""


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
            with self._agent(owner, LOAD, lifetime) as agent:
                start = {"run_dir": str(run), "owner": owner, "deadline_seconds": lifetime.total_seconds()}
                deadline = time.monotonic() + _HELLO_SECONDS
                agent.receive(deadline)
                agent.send(deadline, "start", **request, **start)
                session = AgentLoadSession(agent)
                session.await_population(timedelta(seconds=READY_SECONDS))
                yield session
        finally:
            self.remove_run(owner)

    def run_folder(self, owner: str) -> Path:
        return self._marks.folder / "runs" / owner

    def remove_run(self, owner: str) -> None:
        """Remove what the agent leaves when it is killed."""
        self._machine.remove(self.run_folder(owner))

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
        DependencyError: It is mounted noexec.
    """
    if "noexec" in _mount_options(machine, folder):
        raise DependencyError(
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
