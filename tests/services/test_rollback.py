"""A promotion that held, taken back by a person: what served before it serves again, and whatever dies on the way."""

from contextlib import suppress
from datetime import timedelta

import pytest

from phoenix.domain.deployment import RevisionState
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.services.run import cleaning, rolling_back
from phoenix.services.run.ending import ended
from tests.services.test_staged_promotion import Died, Mortal, promote
from tests.support.fleet_runs import FleetRuns

HOSTS = ("local://a", "local://b", "local://c")


def promoted_fleet(folder, *, before: bool = True):
    """Three hosts at which a promotion held, and what served before it."""
    fleet = FleetRuns(folder, *HOSTS)
    if before:
        assert all(one.fault is None for one in fleet.deploy())
    served = fleet.serving()
    run = fleet.judged(watch="1s")
    promote(run)
    assert set(fleet.serving().values()) == {run.id}
    return fleet, served, fleet.record(run)


@pytest.fixture
def promoted(tmp_path):
    return promoted_fleet(tmp_path)


def roll_back(fleet, record):
    """As the command and its flow do it."""
    fleet.experiments.append(record.id, EventKind.NOTE, rolling_back.REQUESTED, {"reason": "it is too quiet"})
    run = fleet.opened(record)
    with ended(run, cleaning.clean_up):
        rolling_back.roll_back(run)


def test_what_served_before_serves_again_everywhere(promoted):
    fleet, before, record = promoted
    roll_back(fleet, record)
    assert fleet.serving() == before
    fleet.assert_one_serves()
    found = fleet.experiments.get(record.id)
    assert (found.phase, found.outcome, found.error) == (Phase.COMPLETED, Outcome.REVERTED, "")
    for host in HOSTS:
        assert fleet.ledger.get(host, 2).state is RevisionState.FAILED
        assert fleet.active(host).number == 1


def test_where_nothing_served_before_nothing_serves(tmp_path):
    fleet, before, record = promoted_fleet(tmp_path, before=False)
    roll_back(fleet, record)
    assert fleet.serving() == before == dict.fromkeys(HOSTS)
    fleet.assert_one_serves()


def test_a_host_that_is_silent_is_rolled_back_when_it_answers(promoted):
    fleet, before, record = promoted
    fleet.silence("local://b")
    with pytest.raises(DependencyError, match="does not answer"):
        roll_back(fleet, record)
    assert fleet.serving() == {**before, "local://b": record.id}
    assert not fleet.experiments.get(record.id).phase.is_over
    assert fleet.recover()[0].failed
    fleet.mend("local://b")
    assert not any(repair.failed for repair in fleet.recover())
    assert fleet.serving() == before
    assert fleet.experiments.get(record.id).outcome is Outcome.REVERTED
    fleet.assert_one_serves()


def test_what_was_deployed_since_stays(promoted):
    fleet, before, record = promoted
    (deployed,) = fleet.deploy("local://c", k=7)
    assert deployed.fault is None
    newer = fleet.serving()["local://c"]
    roll_back(fleet, record)
    assert fleet.serving() == {**before, "local://c": newer}
    assert fleet.notes(record, "spared") == [{"host": "local://c", "serves": "revision-3"}]
    fleet.assert_one_serves()


def test_nothing_is_rolled_back_where_others_took_its_place_everywhere(promoted):
    fleet, _, record = promoted
    assert all(one.fault is None for one in fleet.deploy(k=7))
    serving = fleet.serving()
    with pytest.raises(StateError, match="serves on no host any more"):
        roll_back(fleet, record)
    assert fleet.serving() == serving
    found = fleet.experiments.get(record.id)
    assert (found.phase, found.outcome) == (Phase.COMPLETED, Outcome.PROMOTED)
    assert found.error.startswith("The rollback did not succeed: ")


def test_a_host_that_somebody_holds_refuses_the_whole_rollback(promoted):
    fleet, _, record = promoted
    lease = fleet.fakes["local://b"].acquire("exp-other", timedelta(minutes=1))
    with pytest.raises(StateError, match="held by exp-other"):
        roll_back(fleet, record)
    assert set(fleet.serving().values()) == {record.id}
    found = fleet.experiments.get(record.id)
    assert (found.phase, found.outcome) == (Phase.COMPLETED, Outcome.PROMOTED)
    assert [host.lease() for host in fleet.fakes.values()] == [None, lease, None]
    fleet.fakes["local://b"].release("exp-other")
    roll_back(fleet, found)
    assert fleet.experiments.get(record.id).outcome is Outcome.REVERTED


def test_only_what_was_promoted_can_be_rolled_back(tmp_path):
    fleet = FleetRuns(tmp_path, *HOSTS)
    run = fleet.judged()
    with pytest.raises(StateError, match="its outcome is reported") as refused:
        fleet.verbs_of_runs().rollback(run.id, "why not")
    assert refused.value.code == "not_promoted"
    running = fleet.begin()
    with pytest.raises(StateError, match="it is pending") as refused:
        fleet.verbs_of_runs().rollback(running.id, "why not")
    assert "experiment stop" in refused.value.hint


def test_killed_anywhere_every_host_ends_with_one_serving_pipeline_of_one_kind(tmp_path):
    number, kinds = 0, set()
    while True:
        number += 1
        fleet, before, record = promoted_fleet(tmp_path / str(number))
        death = Mortal(fleet, number)
        with suppress(Died, PhoenixError):
            roll_back(fleet, record)
        if death.left > 0:
            break
        death.bury()
        assert not any(repair.failed for repair in fleet.recover())
        fleet.assert_one_serves()
        after = fleet.serving()
        assert after == before or set(after.values()) == {record.id}, number
        outcome = fleet.experiments.get(record.id).outcome
        assert outcome is (Outcome.REVERTED if after == before else Outcome.PROMOTED)
        kinds.add(after == before)
    assert kinds == {True, False}
    assert number > 20
