"""Every FlowRunner does the same: the child process, and the deployment's run that a worker takes."""

import os
from dataclasses import dataclass

import pytest

from phoenix.adapters.ports import FlowRunner
from phoenix.adapters.prefect.child_flows import ChildFlowRunner
from phoenix.composition import Phoenix
from phoenix.domain.experiment import ExperimentDocument
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.settings import Settings
from tests.control_plane.test_deployments import QUICK
from tests.support.waiting import eventually

pytestmark = pytest.mark.real


@dataclass
class Doors:
    """One installation and a way to start flows in it."""

    phoenix: Phoenix
    runner: FlowRunner

    def recorded(self, name: str, **changes: object) -> ExperimentRecord:
        document = ExperimentDocument.model_validate(
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "Experiment",
                "metadata": {"name": name},
                "spec": {**QUICK, "targets": [f"local://{name}"], **changes},
            }
        )
        return self.phoenix.experiments.create(self.phoenix.drafts.of(name, document.spec))

    def ended(self, process: object, seconds: float = 240) -> int:
        code = eventually(lambda: [process.poll()] if process.poll() is not None else None, seconds=seconds)  # type: ignore[attr-defined]
        return code[0]


@pytest.fixture(params=["child", "deployment"])
def doors(request, control_plane, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    phoenix = Phoenix(Settings(home=control_plane.home))
    if request.param == "child":
        return Doors(
            phoenix, ChildFlowRunner(control_plane.home, phoenix.archive, control_plane.api_url, "asked")
        )
    return Doors(phoenix, phoenix.flows)


def kind_of(doors: Doors) -> str:
    return "child" if isinstance(doors.runner, ChildFlowRunner) else "deployment"


def test_it_runs_an_experiment_to_its_end(doors):
    name = f"runs-{kind_of(doors)}"
    record = doors.recorded(name)
    process = doors.runner.start("experiment", record.id)
    words = "in a process of its own" if kind_of(doors) == "child" else "worker"
    assert words in process.place()
    assert process.poll() is None
    assert doors.ended(process) == 0, process.last_words()
    ended = doors.phoenix.store.get(record.id)
    assert (ended.phase, ended.outcome, ended.driver) == (Phase.COMPLETED, Outcome.REPORTED, None)


def test_a_flow_that_fails_ends_with_1_and_says_why(doors):
    name = f"fails-{kind_of(doors)}"
    record = doors.recorded(name)
    process = doors.runner.start("promotion", record.id, "why not")
    assert doors.ended(process) == 1
    assert "cannot be promoted" in process.last_words()
    doors.phoenix.experiments.stop(record.id, "done with it")
    doors.phoenix.recovery.end(record.id, "done with it")


def test_a_stop_and_an_interrupt_end_it_cleanly(doors):
    name = f"stops-{kind_of(doors)}"
    record = doors.recorded(name, minimumScrapes=500, maximumDuration="20m")
    process = doors.runner.start("experiment", record.id)
    eventually(
        lambda: doors.phoenix.store.get(record.id).phase in (Phase.WARMING_UP, Phase.MEASURING), seconds=240
    )
    doors.phoenix.experiments.stop(record.id, "enough")
    process.interrupt()
    doors.ended(process)
    assert doors.phoenix.store.get(record.id).phase is Phase.STOPPED
    assert not doors.phoenix.hosts.open(f"local://{name}").leftovers(record.id)


def test_an_interrupt_before_it_began_starts_nothing(control_plane, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    phoenix = Phoenix(Settings(home=control_plane.home))
    doors = Doors(phoenix, phoenix.flows)
    record = doors.recorded("never-begins")
    process = doors.runner.start("experiment", record.id)
    assert phoenix.store.get(record.id).driver is None
    phoenix.experiments.stop(record.id, "thought better of it")
    process.interrupt()
    assert doors.ended(process) in (0, 1)
    phoenix.recovery.end(record.id, "it was withdrawn")
    assert phoenix.store.get(record.id).phase is Phase.STOPPED


def test_a_worker_with_another_store_is_not_used(control_plane, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", control_plane.api_url)
    monkeypatch.setenv("PHOENIX_HOME", str(tmp_path))
    phoenix = Phoenix(Settings(home=tmp_path))
    doors = Doors(phoenix, phoenix.flows)
    record = doors.recorded("elsewhere")
    process = doors.runner.start("experiment", record.id)
    assert "in a process of its own" in process.place()
    assert "another store" in process.place()
    assert os.environ["PREFECT_API_URL"] == control_plane.api_url
    process.interrupt()
    doors.ended(process)
    phoenix.recovery.end(record.id, "seen enough")
