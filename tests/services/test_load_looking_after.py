"""A load run that nobody waits for, whose keeper dies."""

import pytest

from phoenix.domain.load.run import LoadEnd
from phoenix.services.loads import looking_after
from phoenix.services.loads.looking_after import look_after
from phoenix.services.loads.verbs import Started
from tests.support.load_fleets import STARTER, LoadFleet
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(looking_after, "LOOK_SECONDS", 0.01)


def started(fleet: LoadFleet) -> Started:
    run = fleet.recorded()
    return Started(run, fleet.keepers.start(run.id))


def test_a_run_ends_with_a_keeper_that_never_took_it_up():
    fleet = LoadFleet()
    one = started(fleet)
    look_after(fleet.verbs, one)
    assert fleet.ledger.get(one.run.id).driver == STARTER
    fleet.keepers.code = 1
    eventually(lambda: fleet.ledger.get(one.run.id).is_over, what="the run over")
    ending = fleet.ledger.get(one.run.id).ending
    assert ending.why is LoadEnd.LOST
    assert "its keeper ended with code 1: MemoryError" in ending.words


def test_a_host_that_does_not_answer_leaves_it_to_recovery():
    fleet = LoadFleet()
    one = started(fleet)
    fleet.silence("local")
    look_after(fleet.verbs, one)
    fleet.keepers.code = 1
    eventually(lambda: fleet.ledger.get(one.run.id).left, what="what is left to be told")
    fleet.mend("local")
    fleet.living.discard(STARTER)
    assert [repair.ended for repair in fleet.recovery.recover()] == [True]
