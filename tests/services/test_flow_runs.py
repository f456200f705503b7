"""When a flow run is held for lost: never where its process may live."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.flow_run import TURN, FlowEnd, FlowRun, FlowState
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, EventKind, ExperimentRecord
from phoenix.services.flow_runs import Evidence, FlowRunRecovery, WorkerSight, why_lost
from tests.fakes.flow_runs import FakeFlowProcesses, FakeFlowRuns
from tests.fakes.store import FakeExperimentStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE = Driver("here", 7, 1)
THERE = Driver("there", 7, 1)
PENDING, RUNNING = FlowState.PENDING, FlowState.RUNNING
DAY = 86_400


def a_run(state=RUNNING, seconds: float = 0, **facts) -> FlowRun:
    return FlowRun("run-1", "a-run", "experiment", state, timedelta(seconds=seconds), **facts)


def a_record(**facts) -> ExperimentRecord:
    started = {"created_at": NOW, "driver": HERE, "heartbeat_at": NOW, **facts}
    return ExperimentRecord("exp-1a2b3c4d", "web", {}, Phase.MEASURING, Outcome.NONE, **started)


def silent_for(seconds: float, **facts) -> ExperimentRecord:
    return a_record(heartbeat_at=NOW - timedelta(seconds=seconds), **facts)


@pytest.mark.parametrize("state", FlowState)
def test_a_driver_of_this_machine_decides_at_once(state):
    lives, gone = Evidence(driver_lives=True), Evidence(driver_lives=False)
    assert why_lost(a_run(state, 10 * DAY, driver=HERE), lives, NOW) is None
    assert why_lost(a_run(state, 0, driver=HERE), gone, NOW) == "its process, pid 7, is gone"


@pytest.mark.parametrize(
    ("seconds", "record", "driven", "is_lost"),
    [
        (DAY - 1, None, False, False),
        (DAY + 1, None, False, True),
        (10 * DAY, a_record(driver=THERE), True, False),
        (600, silent_for(119, driver=THERE), False, False),
        (600, silent_for(121, driver=THERE), False, True),
        (60, silent_for(121, driver=THERE), False, False),
        (600, silent_for(121, driver=HERE), True, True),
        (600, replace(silent_for(900, driver=None), finished_at=NOW - timedelta(seconds=30)), False, False),
        (600, replace(silent_for(900, driver=None), finished_at=NOW - timedelta(seconds=130)), False, True),
        (600, replace(a_record(driver=None), heartbeat_at=None), False, True),
    ],
)
def test_a_driver_elsewhere_is_judged_by_its_experiment(seconds, record, driven, is_lost):
    seen = Evidence(experiment=record, experiment_is_driven=driven)
    assert (why_lost(a_run(RUNNING, seconds, driver=THERE), seen, NOW) is not None) is is_lost


@pytest.mark.parametrize(
    ("sight", "state", "record", "seconds"),
    [
        (WorkerSight.HERE, PENDING, None, 300),
        (WorkerSight.HERE, RUNNING, None, 300),
        (WorkerSight.ANEW, PENDING, None, 0),
        (WorkerSight.ANEW, RUNNING, None, 0),
        (WorkerSight.HEARD, PENDING, None, 600),
        (WorkerSight.HEARD, RUNNING, None, DAY),
        (WorkerSight.SILENT, PENDING, None, 60),
        (WorkerSight.SILENT, RUNNING, None, 120),
        (WorkerSight.NONE, PENDING, None, 60),
        (WorkerSight.NONE, RUNNING, None, DAY),
        (WorkerSight.NONE, RUNNING, a_record(), 60),
    ],
)
def test_a_run_without_a_label_has_its_time(sight, state, record, seconds):
    seen = Evidence(worker=sight, experiment=record)
    assert why_lost(a_run(state, seconds, worker="worker-1"), seen, NOW) is None
    assert why_lost(a_run(state, seconds + 0.1, worker="worker-1"), seen, NOW)


drivers = st.none() | st.just(THERE)
runs = st.builds(
    a_run,
    st.sampled_from(FlowState),
    st.floats(0, 1e7),
    driver=drivers,
    worker=st.none() | st.just("worker-1"),
)
records = st.none() | st.builds(
    silent_for, st.floats(0, 1e7), driver=st.none() | st.just(THERE) | st.just(HERE)
)
sights = st.builds(
    Evidence, worker=st.sampled_from(WorkerSight), experiment=records, experiment_is_driven=st.booleans()
)


@given(runs, sights)
def test_what_is_seen_to_live_is_never_lost(run, seen):
    if run.driver is None:
        assert why_lost(run, replace(seen, is_seen_here=True), NOW) is None
        assert why_lost(run, replace(seen, experiment_is_driven=True), NOW) is None
    else:
        assert why_lost(run, replace(seen, driver_lives=True), NOW) is None


@given(runs, sights, st.floats(0, 1e7))
def test_what_is_lost_stays_lost(run, seen, later):
    older = replace(run, age=run.age + timedelta(seconds=later))
    if why_lost(run, seen, NOW):
        assert why_lost(older, seen, NOW + timedelta(seconds=later))


@given(runs, sights)
def test_nothing_is_a_zombie_for_ever(run, seen):
    nobody = replace(seen, experiment_is_driven=False)
    old = replace(run, age=timedelta(days=200))
    assert why_lost(old, nobody, NOW + timedelta(days=200))


class Arena:
    """A server, a ledger and this machine."""

    def __init__(self) -> None:
        self.server = FakeFlowRuns()
        self.store = FakeExperimentStore()
        self.processes = FakeFlowProcesses()
        self.living: set[Driver] = set()
        self.recovery = FlowRunRecovery(
            lambda: self.server,
            self.store,
            lambda driver: None if driver == THERE else driver in self.living,
            lambda record: record.driver in self.living,
            self.processes,
        )


@pytest.fixture
def arena() -> Arena:
    return Arena()


def test_only_what_is_lost_is_ended_and_twice_is_once(arena):
    arena.living.add(HERE)
    arena.server.add(a_run(driver=HERE))
    lost = arena.server.add(replace(a_run(driver=Driver("here", 8, 1)), id="run-2", name="lost"))
    (repair,) = arena.recovery.recover()
    assert (repair.flow_run, repair.name, repair.ended) == (lost.id, "lost", FlowEnd.CRASHED)
    assert repair.words == "set to Crashed: its process, pid 8, is gone"
    assert arena.server.known[lost.id].message == "Ended by recovery: its process, pid 8, is gone."
    assert arena.recovery.recover() == ()


def test_what_was_cancelled_ends_as_cancelled(arena):
    arena.server.add(a_run(FlowState.CANCELLING, driver=HERE))
    (repair,) = arena.recovery.recover()
    assert repair.ended is FlowEnd.CANCELLED


def test_the_hosts_of_a_dead_run_are_given_back(arena):
    arena.server.turns = {"old": frozenset(["local"]), "new": frozenset(["local"])}
    arena.store.create(a_record())
    for turn in ("old", "new"):
        arena.store.append("exp-1a2b3c4d", EventKind.NOTE, TURN, {"turn": turn})
    arena.recovery.give_back_turn("exp-1a2b3c4d")
    assert set(arena.server.turns) == {"old"}
    arena.server.is_silent = True
    arena.recovery.give_back_turn("exp-1a2b3c4d")


def test_a_run_that_ends_while_it_is_judged_is_left_as_it_ended(arena):
    run = arena.server.add(a_run(driver=HERE))

    def finish(_driver):
        arena.server.known[run.id].ended = "Completed"
        return False

    recovery = FlowRunRecovery(lambda: arena.server, arena.store, finish, lambda _: False, arena.processes)
    (repair,) = recovery.recover()
    assert (repair.ended, repair.failed, repair.words) == (None, False, "it changed meanwhile")
    assert arena.server.known[run.id].ended == "Completed"


@pytest.mark.parametrize(
    ("age_of_worker", "is_lost"), [(timedelta(minutes=5), False), (timedelta(seconds=10), True)]
)
def test_a_worker_that_was_started_anew_knows_nothing_of_what_the_last_one_took(
    arena, age_of_worker, is_lost
):
    arena.server.add(a_run(PENDING, 30, worker="worker-1"))
    arena.processes.workers["worker-1"] = age_of_worker
    assert bool(arena.recovery.recover()) is is_lost


@pytest.mark.parametrize(
    ("silence", "is_lost"), [(timedelta(seconds=20), False), (timedelta(seconds=90), True)]
)
def test_a_worker_elsewhere_is_judged_by_what_the_server_hears(arena, silence, is_lost):
    arena.server.add(a_run(PENDING, 100, worker="worker-1"))
    arena.server.silences["worker-1"] = silence
    assert bool(arena.recovery.recover()) is is_lost


def test_a_run_that_is_starting_here_is_left_alone_however_long_it_takes(arena):
    arena.server.add(a_run(PENDING, DAY * 2, worker="worker-1"))
    arena.processes.running.add("run-1")
    assert arena.recovery.recover() == ()


def test_a_run_whose_experiment_is_being_driven_is_left_alone_before_it_has_a_label(arena):
    arena.living.add(HERE)
    arena.store.create(a_record())
    arena.server.add(a_run(RUNNING, DAY * 2, experiment="exp-1a2b3c4d"))
    assert arena.recovery.recover() == ()


def test_a_run_of_an_experiment_of_another_installation_is_judged_without_it(arena):
    arena.server.add(a_run(RUNNING, 600, experiment="exp-99999999"))
    assert arena.recovery.recover() == ()


def test_without_a_server_there_is_nothing_to_do(arena):
    recovery = FlowRunRecovery(lambda: None, arena.store, lambda _: None, lambda _: False, arena.processes)
    assert recovery.recover() == ()
    assert recovery.tidy() == 0
    assert recovery.waits_for("exp-1a2b3c4d") is None


def test_a_server_that_does_not_answer_says_of_nobody_that_he_waits(arena):
    arena.server.add(a_run(PENDING), tags=("exp-1a2b3c4d",))
    assert arena.recovery.waits_for("exp-1a2b3c4d") is True
    arena.server.is_silent = True
    assert arena.recovery.waits_for("exp-1a2b3c4d") is None


def test_a_run_that_is_retried_is_not_held_for_lost_by_the_driver_of_its_last_attempt():
    server, gone = FakeFlowRuns(), Driver("here", 8, 1)
    server.add(FlowRun("run-1", "a-run", "experiment", RUNNING, timedelta(0), gone))
    processes = FakeFlowProcesses(running={"run-1"})
    recovery = FlowRunRecovery(
        lambda: server, FakeExperimentStore(), lambda _: False, lambda _: False, processes
    )
    assert recovery.recover() == ()
    processes.running.clear()
    assert [repair.ended for repair in recovery.recover()] == [FlowEnd.CRASHED]
