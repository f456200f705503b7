"""What becomes of load runs whose keeper is gone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadState
from tests.support.load_fleets import KEEPER, OTHER, RESCUER, STARTER, LoadFleet

HOSTS = tuple(f"local://{letter}" for letter in "abc")
DEADLINE = LoadEnding(LoadEnd.DEADLINE, "its time was over")


@pytest.fixture
def fleet() -> LoadFleet:
    return LoadFleet(*HOSTS)


def lost(fleet: LoadFleet, **changes: object):
    """A run whose keeper died and whose processes are still there on every host."""
    run = fleet.recorded(**{"driver": OTHER, "state": LoadState.RUNNING, **changes})
    for fake in fleet.fakes.values():
        fake._sessions.append((run.id, "load"))
    return run


def test_a_driver_that_died_between_the_record_and_the_start(fleet):
    run = fleet.recorded(driver=STARTER)
    fleet.living.remove(STARTER)
    (repair,) = fleet.recovery.recover()
    assert (repair.load, repair.found, repair.ended, repair.failed) == (
        run.id,
        LoadState.STARTING,
        True,
        False,
    )
    over = fleet.ledger.get(run.id)
    assert over.is_over
    assert over.ending.why is LoadEnd.LOST
    assert isinstance(over.ending.fault(), DependencyError)
    assert over.started_at is None


def test_what_nobody_keeps_is_cleared_on_every_host(fleet):
    run = lost(fleet)
    assert fleet.loaded(run.id) == list(HOSTS)
    (repair,) = fleet.recovery.recover()
    assert (repair.ended, repair.failed) == (True, False)
    assert fleet.loaded(run.id) == []
    over = fleet.ledger.get(run.id)
    assert (over.state, over.driver) == (LoadState.ENDED, None)


@pytest.mark.parametrize("driver", [STARTER, KEEPER])
def test_what_has_a_living_driver_is_left_alone(fleet, driver):
    run = lost(fleet, driver=driver)
    (repair,) = fleet.recovery.recover()
    assert (repair.ended, repair.failed) == (False, False)
    assert fleet.ledger.get(run.id) == run
    assert fleet.loaded(run.id) == list(HOSTS)
    assert fleet.recovery.looked_after(run.id) == run


def test_twice_is_once(fleet):
    run = lost(fleet)
    assert len(fleet.recovery.recover()) == 1
    over = fleet.ledger.get(run.id)
    assert fleet.recovery.recover() == ()
    assert fleet.recovery.end(run.id, "again") == over
    assert fleet.recovery.looked_after(run.id) == over
    assert fleet.ledger.get(run.id) == over


def test_a_person_who_asked_for_the_end_got_it(fleet):
    run = lost(fleet)
    fleet.store.request_stop(run.id, "enough")
    fleet.recovery.recover()
    assert fleet.ledger.get(run.id).ending == LoadEnding(LoadEnd.STOPPED, "enough")


def test_the_reason_that_its_keeper_wrote_stands(fleet):
    run = lost(fleet)
    fleet.store.end(run.id, DEADLINE)
    (repair,) = fleet.recovery.recover()
    assert (repair.found, repair.ended) == (LoadState.ENDING, True)
    assert fleet.ledger.get(run.id).ending == DEADLINE


def test_a_silent_host_is_told_of_and_tried_again(fleet):
    run = lost(fleet)
    fleet.silence(HOSTS[1])
    for _ in range(2):
        (repair,) = fleet.recovery.recover()
        assert (repair.ended, repair.failed) == (False, True)
        assert HOSTS[1] in repair.words
        assert "does not answer" in repair.words
        assert fleet.loaded(run.id) == [HOSTS[1]]
        now = fleet.ledger.get(run.id)
        assert (now.state, now.driver, list(now.left)) == (LoadState.ENDING, None, [HOSTS[1]])
    fleet.mend(HOSTS[1])
    (repair,) = fleet.recovery.recover()
    assert repair.ended
    assert fleet.loaded(run.id) == []
    assert fleet.ledger.get(run.id).left == {}


def test_a_host_that_keeps_something_is_not_called_clean(fleet):
    run = lost(fleet)
    fleet.fail(HOSTS[0], "clear", DependencyError("processes survive SIGKILL: svc (7)", code="unkillable"))
    (repair,) = fleet.recovery.recover()
    assert repair.failed
    assert "svc (7)" in repair.words
    assert fleet.ledger.get(run.id).state is LoadState.ENDING


def test_a_host_that_still_has_something_after_clearing_is_not_called_clean(fleet):
    run = lost(fleet)
    fleet.fakes[HOSTS[0]].clear = lambda _owner: None
    (repair,) = fleet.recovery.recover()
    assert repair.failed
    assert f"{HOSTS[0]} still has: process of load" in repair.words
    assert fleet.loaded(run.id) == [HOSTS[0]]


def test_a_run_whose_host_is_gone_for_ever_is_forgotten_without_asking_it(fleet):
    run = lost(fleet)
    fleet.silence(HOSTS[1])
    fleet.recovery.recover()
    for target in HOSTS:
        fleet.fail(target, "clear", AssertionError("it was asked"))
    over = fleet.recovery.forget(run.id)
    assert (over.is_over, over.ending.why, over.left) == (True, LoadEnd.LOST, {})
    with pytest.raises(StateError) as refused:
        fleet.recovery.forget(run.id)
    assert refused.value.code == "load_over"
    kept = fleet.recorded(driver=KEEPER)
    with pytest.raises(StateError) as refused:
        fleet.recovery.forget(kept.id)
    assert refused.value.code == "driven"


def test_one_that_cannot_be_ended_does_not_stand_in_the_way_of_the_others(fleet):
    odd = lost(fleet, targets=("local://gone",), name="odd")
    run = lost(fleet)
    repairs = {repair.load: repair for repair in fleet.recovery.recover()}
    assert repairs[odd.id].failed
    assert repairs[run.id].ended


def test_of_two_that_recover_at_once_one_ends_it(fleet):
    for _ in range(20):
        run = lost(fleet)
        at_once = threading.Barrier(2, timeout=30)

        def wait(verb, _arguments, at_once=at_once):
            if verb == "claim":
                at_once.wait()

        fleet.store.before = wait
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda _: fleet.recovery.recover(), range(2)))
        fleet.store.before = lambda _verb, _arguments: None
        assert sorted(repair.ended for (repair,) in found) == [False, True]
        assert not any(repair.failed for (repair,) in found)
        assert fleet.ledger.get(run.id).is_over


def test_who_looks_after_a_run_that_another_is_ending_waits_for_them(fleet):
    run = lost(fleet)
    fleet.living.add(RESCUER)
    fleet.store.before = lambda verb, _arguments: (
        fleet.ledger.claim(run.id, KEEPER, instead_of=OTHER) if verb == "claim" else None
    )
    assert fleet.recovery.looked_after(run.id).driver == KEEPER
    with pytest.raises(StateError):
        fleet.recovery.end(run.id, "it was seen to die")
