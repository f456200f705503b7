"""Whatever dies, an experiment ends by our own ledger, is cleaned up, its flow run is over, and the next run starts.

Judged by the kernel's process table, the files and leases of the host, our ledger, and the server.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from phoenix.composition import compose
from phoenix.domain.errors import StateError
from phoenix.domain.record import EventKind, ExperimentRecord
from tests.support.experiments import QUICK, dropping_candidate, phoenix, write_spec
from tests.support.flow_killing import Part, Stage, await_end_of
from tests.support.leftovers import live_pids
from tests.support.slowness import slowness
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]


LOG = logging.getLogger(__name__)

IN_TIME = 90 * max(1.0, slowness() / 2)
"""After a kill, or after what was away can be reached again, nothing may be left of a run, s. Ninety where it is measured; a
machine on which Python takes more than twice as long has as many times longer."""

AT_ONCE = 4
"""Runs without a fault: on two cores more would only wait for each other."""

START = 300
"""Until a run measures: patience, not a measure."""

LONG = {**QUICK, "minimumScrapes": 240, "maximumDuration": "10m", "load": {**QUICK["load"], "processes": 8}}
"""Measures until it is killed."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One server; each row has hosts of its own, and those that kill a worker have a worker of their own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("deaths")
        patch.setenv("PHOENIX_HOME", str(folder / "home"))
        with Stage(folder, folder / "home") as stage:
            patch.setenv("PREFECT_API_URL", stage.server.url)
            yield stage


@pytest.fixture(scope="module")
def worker(stage):
    """A worker that outlives the rows."""
    stage.worker("shared")
    return "shared"


@pytest.fixture(scope="module")
def served(stage):
    """A process that serves the experiment and outlives the rows."""
    stage.served("served")
    return "served"


@pytest.fixture(params=[1, pytest.param(10, marks=pytest.mark.soak)])
def repeated(request):
    """Carries a row out once, and ten times in the soak: several at once, each on a host of its own."""

    def carry_out(row: Callable[[], None]) -> None:
        with ThreadPoolExecutor(min(AT_ONCE, request.param)) as threads:
            for turn in [threads.submit(row) for _ in range(request.param)]:
                turn.result()

    return carry_out


NUMBERS = count(1)


def unique(name: str) -> str:
    """A name that no other turn has."""
    return f"{name}-{next(NUMBERS)}"


@dataclass
class Victim:
    """An experiment that measures, and what there is to kill.

    Attributes:
        name: Of the experiment and of its host.
        killed_at: Monotonic clock, s, when it was killed, or what was away came back.
    """

    stage: Stage
    name: str
    killed_at: float = field(default_factory=time.monotonic)

    @property
    def record(self) -> ExperimentRecord:
        return compose().experiments.get(self.name)

    @property
    def flow_run(self) -> UUID:
        """By the ledger, which names the flow run of whoever drives."""
        notes = [e for e in compose().store.events(self.record.id) if e.step == "flow_run"]
        return UUID(str(notes[-1].data["id"]))

    @property
    def pid(self) -> int:
        driver = self.record.driver
        assert driver is not None
        return driver.pid

    def kill(self, number: signal.Signals) -> None:
        self.killed_at = time.monotonic()
        os.kill(self.pid, number)

    def is_over(self) -> bool:
        return self.record.phase.is_over and self.record.driver is None

    def has_its_host(self) -> bool:
        """Whether it began, and holds the lease of its host."""
        try:
            record = self.record
        except StateError:
            return False
        assert not record.phase.is_over, f"{record.phase} {record.error}\n{self.stage.said()}"
        ledger = compose().store.events(record.id)
        return any(e.kind is EventKind.DONE and e.step.startswith("lease@") for e in ledger)

    def await_measuring(self) -> "Victim":
        """Until it measures, driven by a process of its own."""

        def measures() -> bool:
            try:
                record = self.record
            except StateError:
                return False
            assert not record.phase.is_over, f"{record.phase} {record.error}\n{self.stage.said()}"
            return record.phase.value in {"warming_up", "measuring"} and bool(live_pids(record.id))

        eventually(measures, seconds=START, what=f"{self.name} to measure")
        return self

    def assert_cleaned(self, *, recovered: bool = False) -> None:
        """In time: ended in the ledger, nothing of it on the host, its process gone, its flow run over."""
        record = self.record
        if recovered:
            recovery = phoenix("recover", "-o", "json")
            assert recovery.code == 0, recovery.err
        eventually(self.is_over, seconds=self._left(), what=f"{self.name} to end")
        host = compose().hosts.open(f"local://{self.name}")
        eventually(lambda: not live_pids(record.id), seconds=self._left(), what=f"no process of {self.name}")
        assert host.leftovers(record.id) == ()
        assert host.lease() is None
        eventually(
            lambda: self.stage.state(self.flow_run).is_final(), seconds=self._left(), what="a final state"
        )
        if record.driver is not None:
            await_end_of(record.driver.pid, self._left())
        LOG.info("%s: all over %.1f s after", self.name, time.monotonic() - self.killed_at)

    def _left(self) -> float:
        return max(1.0, self.killed_at + IN_TIME - time.monotonic())

    @property
    def state(self) -> str:
        return self.stage.state(self.flow_run).name


def direct(stage: Stage, folder: Path, name: str, *module: str, **changes: object) -> tuple[Victim, Part]:
    """A run that nobody started but this process: neither a worker nor a command watches over it."""
    here = compose()
    name = unique(name)
    path = write_spec(folder, name, **{**LONG, "targets": [f"local://{name}"], **changes})
    record = here.experiments.create(here.drafts.read(path))
    return Victim(stage, name), stage.direct(record.id, *module)


def deployed(stage: Stage, deployment: str, name: str, **changes: object) -> Victim:
    """A run of a deployment that measures."""
    name = unique(name)
    stage.run(deployment, name, {**LONG, "targets": [f"local://{name}"], **changes})
    return Victim(stage, name).await_measuring()


def assert_next_run_starts(stage: Stage, deployment: str, victim: Victim) -> None:
    """The deployment and the host are usable: another run of it begins, and takes that host."""
    following = f"{victim.name}-next"
    stage.run(deployment, following, {**LONG, "targets": [f"local://{victim.name}"]})
    after = Victim(stage, following)
    eventually(after.has_its_host, seconds=START, what=f"{following} to take its host")
    compose().experiments.stop(after.record.id, "it starts, that is enough")
    eventually(after.is_over, seconds=IN_TIME, what=f"{following} to end")
    eventually(lambda: stage.state(after.flow_run).is_final(), seconds=IN_TIME, what="a final state")
    assert after.state == "Cancelled"


@pytest.mark.parametrize("step", ["deploy", "compare"])
def test_an_exception_in_a_task(stage, tmp_path, repeated, step):
    quick = {"minimumScrapes": 24, "candidate": dropping_candidate(tmp_path), "load": None}

    def row() -> None:
        victim, _ = direct(stage, tmp_path, f"raises-{step}", "tests.support.faulty_driver", step, **quick)
        eventually(victim.is_over, seconds=START, what="the end")
        victim.killed_at = time.monotonic()
        victim.assert_cleaned()
        assert (victim.record.phase.value, victim.state) == ("failed", "Failed")
        assert "was made to fail" in victim.record.error

    repeated(row)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_a_direct_run(stage, tmp_path, repeated, number):
    def row() -> None:
        victim, part = direct(stage, tmp_path, f"direct-{number.name.lower()}")
        victim.await_measuring().kill(number)
        victim.assert_cleaned()
        assert (victim.record.phase.value, victim.state) == ("stopped", "Cancelled")
        assert number.name in victim.stage.state(victim.flow_run).message
        assert part.process is not None
        assert part.process.wait(IN_TIME) == 0

    repeated(row)


def test_sigkill_of_a_direct_run(stage, tmp_path, repeated):
    def row() -> None:
        victim, _ = direct(stage, tmp_path, "direct-sigkill")
        victim.await_measuring().kill(signal.SIGKILL)
        victim.assert_cleaned(recovered=True)
        assert (victim.record.phase.value, victim.state) == ("stopped", "Crashed")

    repeated(row)


def test_a_cancel_of_a_direct_run(stage, tmp_path, repeated):
    def row() -> None:
        victim, part = direct(stage, tmp_path, "direct-cancel")
        victim.await_measuring()
        stage.cancel(victim.flow_run)
        victim.killed_at = time.monotonic()
        victim.assert_cleaned()
        assert (victim.record.phase.value, victim.state) == ("stopped", "Cancelled")
        assert "cancelled in Prefect" in victim.record.error
        assert part.process is not None
        assert part.process.wait(IN_TIME) == 0

    repeated(row)


@pytest.mark.parametrize("by", ["worker", "served"])
def test_a_cancel_of_a_deployed_run(stage, request, repeated, by):
    deployment = request.getfixturevalue(by)

    def row() -> None:
        victim = deployed(stage, deployment, f"{by}-cancel")
        stage.cancel(victim.flow_run)
        victim.killed_at = time.monotonic()
        victim.assert_cleaned()
        assert (victim.record.phase.value, victim.state) == ("stopped", "Cancelled")
        assert_next_run_starts(stage, deployment, victim)

    repeated(row)


@pytest.mark.parametrize("by", ["worker", "served"])
def test_sigkill_of_the_flow_of_a_deployed_run(stage, request, repeated, by):
    deployment = request.getfixturevalue(by)

    def row() -> None:
        victim = deployed(stage, deployment, f"{by}-flow-sigkill")
        victim.kill(signal.SIGKILL)
        victim.assert_cleaned(recovered=True)
        assert (victim.record.phase.value, victim.state) == ("stopped", "Crashed")
        assert_next_run_starts(stage, deployment, victim)

    repeated(row)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kind", ["worker", "served"])
def test_the_death_of_whoever_runs_it(stage, repeated, kind, number):
    def row() -> None:
        name = unique(f"{kind}-{number.name.lower()}")
        start: Callable[[str], Part] = getattr(stage, kind)
        part = start(name)
        victim = deployed(stage, name, name)
        victim.killed_at = time.monotonic()
        part.send(number)
        victim.assert_cleaned(recovered=True)
        assert victim.record.phase.value == "stopped"
        assert victim.state in {"Cancelled", "Crashed"}
        assert part.process is not None
        part.process.wait(IN_TIME)
        part.start()
        assert_next_run_starts(stage, name, victim)
        part.end()

    repeated(row)


@pytest.mark.parametrize("runs", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_no_clean_run_is_called_crashed(stage, worker, runs):
    """Four at a time, each on a host of its own."""

    def run(_: int) -> tuple[str, set[str]]:
        name = unique("clean")
        quick = {**QUICK, "load": LONG["load"], "targets": [f"local://{name}"]}
        flow_run = stage.run(worker, name, quick)
        eventually(lambda: stage.state(flow_run).is_final(), seconds=runs * START, what=f"the end of {name}")
        record = compose().experiments.get(name)
        return f"{record.phase.value} {record.error}", stage.states_of(flow_run)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        endings = list(threads.map(run, range(runs)))
    assert {phase for phase, _ in endings} == {"completed "}
    assert all("CRASHED" not in states and "COMPLETED" in states for _, states in endings)
