"""`FlowRuns` and `HostTurns` in memory, held to the contract suites of the real ones.

See tests/contracts/test_flow_runs.py and test_host_turns.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from phoenix.adapters.ports import FlowProcesses, FlowRuns, HostTurns
from phoenix.domain.errors import DependencyError
from phoenix.domain.flow_run import FlowEnd, FlowRun


@dataclass
class Known:
    """A run as the server keeps it; `run.state` counts while it is neither scheduled nor ended."""

    run: FlowRun
    tags: tuple[str, ...] = ()
    is_scheduled: bool = False
    ended: str = ""
    """Name of its final state."""
    message: str = ""
    is_ours: bool = True


@dataclass
class FakeFlowRuns(FlowRuns):
    """A server.

    Attributes:
        known: What it has, by id.
        silences: Of workers that it heard of, by name.
        turns: Hosts that runs have, by turn.
        is_silent: Whether it does not answer.
    """

    known: dict[str, Known] = field(default_factory=dict)
    silences: dict[str, timedelta] = field(default_factory=dict)
    turns: dict[str, frozenset[str]] = field(default_factory=dict)
    is_silent: bool = False

    def add(self, run: FlowRun, **facts: object) -> FlowRun:
        self.known[run.id] = Known(run, **facts)
        return run

    def unfinished(self) -> tuple[FlowRun, ...]:
        self._answer()
        left = [k.run for k in self.known.values() if k.is_ours and not k.ended and not k.is_scheduled]
        return tuple(sorted(left, key=lambda run: run.age, reverse=True))

    def is_waiting(self, experiment: str) -> bool:
        self._answer()
        return any(experiment in k.tags and not k.ended for k in self.known.values())

    def worker_silence(self, worker: str) -> timedelta | None:
        self._answer()
        return self.silences.get(worker)

    def end(self, run: FlowRun, end: FlowEnd, message: str) -> bool:
        self._answer()
        known = self.known.get(run.id)
        if known is None or known.ended:
            return False
        known.ended, known.message = end.value.capitalize(), message
        return True

    def give_back_turn(self, turn: str) -> None:
        self._answer()
        self.turns.pop(turn, None)

    def forget(self, flow: str, *, older_than: timedelta) -> int:
        self._answer()
        plain = ("Completed", "Cancelled", "Incomplete")
        old = [
            run_id
            for run_id, k in self.known.items()
            if k.run.flow == flow
            and (
                (k.ended in plain and k.run.age >= older_than)
                or (k.ended and k.run.age >= timedelta(days=30))
                or (k.is_scheduled and k.run.age >= timedelta(minutes=1))
            )
        ]
        for run_id in old:
            del self.known[run_id]
        return len(old)

    def _answer(self) -> None:
        if self.is_silent:
            raise DependencyError("the server does not answer", code="prefect_unreachable")


@dataclass
class FakeFlowProcesses(FlowProcesses):
    """This machine's processes: the runs that have one, and the workers with their ages."""

    running: set[str] = field(default_factory=set)
    workers: dict[str, timedelta] = field(default_factory=dict)

    def is_running(self, flow_run: str) -> bool:
        return flow_run in self.running

    def worker_age(self, name: str) -> timedelta | None:
        return self.workers.get(name)


@dataclass
class FakeHostTurns(HostTurns):
    """A run's turns on the hosts of a fake server."""

    server: FakeFlowRuns
    turn: str | None = None

    def take(self, hosts: Sequence[str]) -> bool:
        if self.server.is_silent:
            raise DependencyError("the server does not answer", code="prefect_unreachable")
        if any(taken & set(hosts) for taken in self.server.turns.values()):
            return False
        self.turn = str(uuid4())
        self.server.turns[self.turn] = frozenset(hosts)
        return True

    def give_back(self) -> None:
        turn, self.turn = self.turn, None
        if turn is not None:
            self.server.give_back_turn(turn)
