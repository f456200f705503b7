"""Sessions with the agent: opened, handed out, and ended with everything they started."""

import os
import shutil
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import cast

from phoenix.adapters.hosts import durable
from phoenix.adapters.hosts.agent_process import AgentProcess
from phoenix.adapters.hosts.census_session import LocalCensusSession
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.load_session import READY_SECONDS, LocalLoadSession
from phoenix.adapters.hosts.marks import CENSUS, LOAD, HostMarks
from phoenix.adapters.hosts.process_table import Row
from phoenix.adapters.hosts.trouble import host_trouble
from phoenix.domain.errors import DependencyError

_HELLO_SECONDS = 20.0
"""Python starts in 30 ms; the rest is for a busy host."""

Finder = Callable[[str, str], Sequence[Row]]
"""Who carries the marks of an owner and a place."""


class Agents:
    """The agent sessions of one host.

    Args:
        marks: Of the host.
        command: Python and the agent's file.
        environ: What every process of the host gets.
        find: Looks for processes by owner and place.
    """

    def __init__(
        self, marks: HostMarks, command: Sequence[str], environ: Callable[[], dict[str, str]], find: Finder
    ) -> None:
        self._marks = marks
        self._command = command
        self._environ = environ
        self._find = find

    @contextmanager
    def census(self, owner: str, lifetime: timedelta) -> Generator[LocalCensusSession]:
        with self._agent(owner, CENSUS, lifetime, lambda: ()) as agent:
            hello = agent.receive(time.monotonic() + _HELLO_SECONDS)
            yield LocalCensusSession(agent, cast("Sequence[str]", hello.get("columns", ())))

    @contextmanager
    def load(
        self, owner: str, patterns: Sequence[Mapping[str, object]], seed: int, lifetime: timedelta
    ) -> Generator[LocalLoadSession]:
        run = self.run_folder(owner) / LOAD
        # An earlier load of this owner, whose driver was killed a moment ago.
        end_all(lambda: self._find(owner, LOAD))
        self.remove_run(owner)
        with host_trouble(self._marks.name):
            durable.make_folder(run.parent)
            demand_executable(run.parent)
        try:
            with self._agent(owner, LOAD, lifetime, lambda: self._find(owner, LOAD)) as agent:
                start = {"run_dir": str(run), "owner": owner, "seed": seed, "patterns": list(patterns)}
                deadline = time.monotonic() + _HELLO_SECONDS
                agent.receive(deadline)
                agent.send(deadline, "start", deadline_seconds=lifetime.total_seconds(), **start)
                session = LocalLoadSession(agent)
                session.await_population(timedelta(seconds=READY_SECONDS))
                yield session
        finally:
            self.remove_run(owner)

    def run_folder(self, owner: str) -> Path:
        return self._marks.folder / "runs" / owner

    def remove_run(self, owner: str) -> None:
        """Remove what the agent leaves when it is killed."""
        folder = self.run_folder(owner)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # other owners may still use it

    @contextmanager
    def _agent(
        self, owner: str, command: str, lifetime: timedelta, strays: Callable[[], Sequence[Row]]
    ) -> Generator[AgentProcess]:
        environ = {**self._environ(), **self._marks.environ(owner, command)}
        with host_trouble(self._marks.name):
            agent = AgentProcess([*self._command, command], environ, lifetime, strays)
        try:
            yield agent
        except BaseException as error:
            try:
                agent.close()
            except DependencyError as later:
                error.add_note(f"and the clean-up failed: {later}")
            raise
        agent.close()


def demand_executable(folder: Path) -> None:
    """The simulated processes are files of this folder.

    Raises:
        DependencyError: It is mounted noexec.
    """
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise DependencyError(
            f"no program may run from {folder}: it is mounted noexec",
            code="noexec",
            hint="set PHOENIX_HOME to a folder on a file system that allows it, or remount this one with exec",
        )
