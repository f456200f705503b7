"""All recoveries as one verb, and what is left alone because a worker is to take it up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from phoenix.adapters.drivers import is_alive, lives
from phoenix.domain.flow_run import FlowEnd, FlowRun, FlowState
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, EventKind, ExperimentRecord
from phoenix.services.flow_runs import FlowRunRecovery
from phoenix.services.recoveries import Recoveries
from phoenix.services.recovery import HANDING_OVER, Recovery
from tests.fakes.flow_runs import FakeFlowProcesses, FakeFlowRuns
from tests.fakes.loads import FakeLoadRunStore
from tests.fakes.store import FakeExperimentStore
from tests.support.fleet_runs import FleetRuns

GONE = Driver("here", 8, 1)


@pytest.fixture
def server() -> FakeFlowRuns:
    return FakeFlowRuns()


def of_flow_runs(server: FakeFlowRuns, store) -> FlowRunRecovery:
    return FlowRunRecovery(
        lambda: server, store, lambda driver: driver != GONE, is_alive, FakeFlowProcesses()
    )


def never():
    raise AssertionError("there is nothing for it to do, and importing it costs half a second")


class Nothing:
    def recover(self) -> tuple[()]:
        return ()


def recoveries(server: FakeFlowRuns) -> Recoveries:
    store = FakeExperimentStore()
    return Recoveries(store, FakeLoadRunStore(), never, Nothing, never, lambda: of_flow_runs(server, store))


def test_what_is_not_there_is_not_made(server):
    recovered = recoveries(server).recover()
    assert not recovered.has_repaired
    assert not recovered.has_failed
    assert recovered.unseen == ""


def test_a_flow_run_that_is_ended_is_a_repair(server):
    server.add(FlowRun("run-1", "a-run", "experiment", FlowState.RUNNING, timedelta(0), GONE))
    recovered = recoveries(server).recover()
    assert [repair.ended for repair in recovered.flow_runs] == [FlowEnd.CRASHED]
    assert recovered.has_repaired


def test_a_server_that_does_not_answer_is_said_and_is_no_failure_of_the_rest(server):
    server.is_silent = True
    recovered = recoveries(server).recover()
    assert recovered.unseen == "flow runs were not looked at: the server does not answer"
    assert not recovered.has_failed


@pytest.fixture
def fleet(tmp_path, collector_binary) -> FleetRuns:
    return FleetRuns(tmp_path)


def waiting(fleet: FleetRuns, **changes: object) -> ExperimentRecord:
    """A record that was handed to a worker a good while ago."""
    record = fleet.recorded()
    old = datetime.now(UTC) - 2 * HANDING_OVER
    fleet.experiments.delete(record.id)
    fleet.experiments.create(replace(record, driver=None, **{"created_at": old, **changes}))
    return fleet.experiments.get(record.id)


def recovery(fleet: FleetRuns, server: FakeFlowRuns | None) -> Recovery:
    of_runs = FlowRunRecovery(lambda: server, fleet.experiments, lives, is_alive, FakeFlowProcesses())
    return Recovery(fleet.ledger_of_runs, fleet.verbs_of_runs(), lambda _: False, waits=of_runs.waits_for)


def test_an_experiment_that_waits_for_a_worker_is_left_alone(fleet, server):
    record = waiting(fleet)
    server.add(
        FlowRun("run-1", "a-run", "experiment", FlowState.PENDING, timedelta(0)),
        tags=(record.id,),
        is_scheduled=True,
    )
    (repair,) = recovery(fleet, server).recover()
    assert (repair.ended, repair.failed, repair.words) == (None, False, "waits for a worker; left alone")
    assert fleet.experiments.get(record.id).phase is Phase.PENDING


@pytest.mark.parametrize("there_is_a_server", [True, False])
def test_who_waits_is_left_alone_and_told_of_while_nobody_can_be_asked(fleet, server, there_is_a_server):
    record = waiting(fleet)
    server.is_silent = True
    (repair,) = recovery(fleet, server if there_is_a_server else None).recover()
    assert (repair.ended, repair.failed) == (None, False)
    assert "no Prefect server could be asked" in repair.words
    assert fleet.experiments.get(record.id).phase is Phase.PENDING


def test_an_experiment_whose_flow_run_is_gone_is_ended(fleet, server):
    record = waiting(fleet)
    (repair,) = recovery(fleet, server).recover()
    assert repair.ended is Phase.STOPPED
    assert fleet.experiments.get(record.id).outcome is Outcome.STOPPED


def test_an_experiment_that_is_being_handed_over_is_left_alone(fleet, server):
    waiting(fleet, created_at=datetime.now(UTC))
    (repair,) = recovery(fleet, server).recover()
    assert (repair.ended, repair.words) == (None, "is being handed to a worker; left alone")


def test_an_experiment_that_somebody_drove_does_not_wait(fleet):
    record = waiting(fleet)
    fleet.experiments.append(record.id, EventKind.INTENT, "lease", {})
    (repair,) = recovery(fleet, None).recover()
    assert repair.ended is Phase.STOPPED
