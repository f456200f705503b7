"""The verbs of load runs, as every door calls them."""

from datetime import UTC, datetime, timedelta

import pytest

from phoenix.adapters.archive import Archive
from phoenix.composition import compose
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadState, LoadStatus
from phoenix.domain.phases import Outcome, Phase
from phoenix.services.loads import verbs
from phoenix.services.loads.keeping import is_over
from phoenix.services.loads.starting import LoadProfiles, LoadWish, read_spec
from phoenix.services.loads.summaries import summarise
from tests.support.fleet_runs import FleetRuns
from tests.support.load_fleets import KEEPER, OTHER, STARTER, LoadFleet

HALF = LoadStatus(120, 60, 60, requested_rate=5.0, achieved_rate=4.5)


@pytest.fixture
def fleet() -> LoadFleet:
    return LoadFleet()


@pytest.fixture(scope="module")
def profiles() -> LoadProfiles:
    return compose().load_profiles


@pytest.fixture
def wish(profiles) -> LoadWish:
    return LoadWish(profiles.plan(read_spec(profile="realistic")), ("local",), timedelta(minutes=5))


def test_a_run_is_recorded_before_anything_starts(fleet, wish):
    run = fleet.verbs.create(wish)
    assert fleet.keepers.started == []
    assert fleet.ledger.get(run.id) == run
    assert (run.state, run.driver, run.profile) == (LoadState.STARTING, STARTER, "realistic")
    assert run.deadline - run.created_at == timedelta(minutes=5)
    assert run.request == {**wish.plan.request(), "metrics_port": None}
    assert run.requested == 120
    fleet.verbs.start(run)
    assert fleet.keepers.started == [run.id]


def test_a_run_is_called_as_its_profile_and_each_that_is_not_over_otherwise(fleet, wish):
    first, second, third = (fleet.verbs.create(wish) for _ in range(3))
    assert [run.name for run in (first, second, third)] == ["realistic", "realistic-2", "realistic-3"]
    fleet.recovery.end(second.id, "over")
    assert fleet.verbs.create(wish).name == "realistic-2"


def test_a_name_is_given_once_at_a_time(fleet, wish):
    named = LoadWish(wish.plan, wish.targets, name="evening")
    first = fleet.verbs.create(named)
    with pytest.raises(StateError) as refused:
        fleet.verbs.create(named)
    assert refused.value.code == "name_taken"
    fleet.recovery.end(first.id, "over")
    assert fleet.verbs.create(named).name == "evening"


def test_a_keeper_that_cannot_be_started_leaves_a_run_that_is_over(fleet, wish):
    def fail(_load):
        raise OSError("no more processes")

    fleet.keepers.on_start = fail
    run = fleet.verbs.create(wish)
    with pytest.raises(DependencyError, match="no more processes"):
        fleet.verbs.start(run)
    assert fleet.ledger.get(run.id).is_over


def test_standing_is_waited_for(fleet, wish):
    started = fleet.verbs.start(fleet.verbs.create(wish))
    at = datetime.now(UTC)
    looks = iter(range(3))

    def stand(verb, _arguments):
        if verb == "get" and next(looks, None) is None:
            fleet.ledger.running(started.run.id, at)

    fleet.store.before = stand
    run = fleet.verbs.await_standing(started)
    assert (run.state, run.started_at) == (LoadState.RUNNING, at)


@pytest.mark.parametrize("fault", [SpecError, StateError, DependencyError])
def test_what_a_host_refuses_is_raised_where_a_person_waits(fleet, wish, fault):
    started = fleet.verbs.start(fleet.verbs.create(wish))
    fleet.ledger.end(started.run.id, LoadEnding.of(fault("too many", code="pids_max", hint="ask for fewer")))
    fleet.ledger.finish(started.run.id)
    with pytest.raises(fault, match="too many") as raised:
        fleet.verbs.await_standing(started)
    assert (raised.value.code, raised.value.hint) == ("pids_max", "ask for fewer")


def test_one_that_was_stopped_while_it_started_is_no_error(fleet, wish):
    started = fleet.verbs.start(fleet.verbs.create(wish))
    fleet.ledger.end(started.run.id, LoadEnding(LoadEnd.STOPPED, "enough"))
    fleet.ledger.finish(started.run.id)
    assert fleet.verbs.await_standing(started).ending.why is LoadEnd.STOPPED


@pytest.mark.parametrize("driver", [STARTER, KEEPER], ids=["before its claim", "after it"])
def test_a_keeper_that_died_is_noticed_and_its_last_words_are_told(fleet, wish, driver):
    started = fleet.verbs.start(fleet.verbs.create(wish))
    fleet.ledger.claim(started.run.id, driver, instead_of=STARTER)
    fleet.living.discard(KEEPER)
    fleet.keepers.code = 1
    with pytest.raises(DependencyError, match="code 1: MemoryError"):
        fleet.verbs.await_standing(started)
    assert fleet.ledger.get(started.run.id).ending.why is LoadEnd.LOST


def test_who_waits_is_told_once_when_a_host_falls_silent_for_good(fleet, wish):
    started = fleet.verbs.start(fleet.verbs.create(wish))
    fleet.ledger.claim(started.run.id, KEEPER, instead_of=STARTER)
    fleet.ledger.end(started.run.id, LoadEnding(LoadEnd.DEADLINE, "its time was over"))
    fleet.ledger.release(started.run.id, {"local": "the host does not answer"})
    fleet.silence("local")
    fleet.keepers.code = 1
    for look in (fleet.verbs.look, fleet.verbs.await_standing):
        with pytest.raises(DependencyError, match="local: the host does not answer") as told:
            look(started)
        assert told.value.code == "left_behind"


def test_a_keeper_that_died_may_be_noticed_by_another_command_first(fleet, wish):
    started = fleet.verbs.start(fleet.verbs.create(wish))
    fleet.keepers.code = 1
    fleet.store.before = lambda verb, _arguments: (
        fleet.ledger.claim(started.run.id, OTHER, instead_of=STARTER) if verb == "claim" else None
    )
    assert fleet.verbs.look(started).driver == OTHER


def test_a_run_that_is_given_up_before_its_keeper_has_it_is_over_at_once(fleet, wish):
    run = fleet.verbs.create(wish)
    ended = fleet.verbs.give_up(run.id, "Ctrl-C")
    assert ended.is_over
    assert ended.ending == LoadEnding(LoadEnd.STOPPED, "Ctrl-C")
    with pytest.raises(StateError) as refused:
        fleet.keeping.keep(run.id, None)
    assert refused.value.code == "load_over"


def test_stopping_asks_its_keeper_and_waits_for_it(fleet):
    fleet.living.add(OTHER)
    run = fleet.recorded(driver=OTHER, state=LoadState.RUNNING)
    asked = fleet.verbs.stop("evening", "enough")
    assert (asked.stop_requested, asked.state) == ("enough", LoadState.RUNNING)
    looks = iter(range(3))

    def end(verb, _arguments):
        if verb == "get" and next(looks, None) is None:
            fleet.ledger.end(run.id, LoadEnding(LoadEnd.STOPPED, "enough"))
            fleet.ledger.finish(run.id)

    fleet.store.before = end
    assert fleet.verbs.await_end(run.id).ending == LoadEnding(LoadEnd.STOPPED, "enough")


def test_a_keeper_that_dies_while_it_is_waited_for_does_not_hold_the_end_up(fleet):
    run = fleet.recorded(driver=OTHER, state=LoadState.RUNNING)
    fleet.verbs.stop(run.id, "enough")
    assert fleet.verbs.await_end(run.id).ending == LoadEnding(LoadEnd.STOPPED, "enough")


def test_what_is_over_is_not_stopped_again(fleet):
    run = fleet.recorded()
    fleet.recovery.end(run.id, "over")
    with pytest.raises(StateError) as refused:
        fleet.verbs.stop("evening", "enough")
    assert refused.value.code == "already_over"


def test_a_host_that_cannot_show_that_nothing_is_left_is_named(fleet):
    run = fleet.recorded(driver=OTHER, state=LoadState.RUNNING)
    fleet.silence("local")
    fleet.verbs.stop(run.id, "enough")
    with pytest.raises(DependencyError, match="local: the host does not answer") as told:
        fleet.verbs.await_end(run.id)
    assert told.value.code == "left_behind"


def test_waiting_for_an_end_has_an_end(fleet, monkeypatch):
    monkeypatch.setattr(verbs, "ENDING_PATIENCE", timedelta(seconds=0.1))
    run = fleet.recorded(driver=KEEPER, state=LoadState.RUNNING)
    with pytest.raises(DependencyError, match="still being ended"):
        fleet.verbs.await_end(run.id)


def test_the_newest_are_shown_and_all_that_are_not_over(fleet):
    old = fleet.recorded(created_at=datetime.now(UTC) - timedelta(days=3))
    over = [fleet.recorded() for _ in range(3)]
    for run in over:
        fleet.recovery.end(run.id, "over")
    assert [run.id for run in fleet.verbs.newest(2)] == [over[2].id, over[1].id, old.id]
    assert len({run.id for run in fleet.verbs.newest()}) == len(fleet.verbs.newest()) == 4


def test_an_experiment_is_loaded_on_its_own_hosts_while_it_is_not_over(fleet, tmp_path):
    runs = FleetRuns(tmp_path, "local://a", "local://b")
    record = runs.recorded()
    fleet.experiments.create(record)
    assert fleet.verbs.experiment_hosts("fleet") == (record.id, ("local://a", "local://b"))
    fleet.experiments.finish(record.id, Phase.STOPPED, Outcome.STOPPED, "")
    with pytest.raises(StateError) as refused:
        fleet.verbs.experiment_hosts(record.id)
    assert refused.value.code == "experiment_over"
    assert is_over(fleet.experiments, record.id)
    assert is_over(fleet.experiments, "exp-gone")


@pytest.mark.parametrize(
    "fields",
    [{"processes": -1}, {"processes": 100_000}, {"churnRate": -0.5}, {"seed": -1}, {"profile": "No Name"}],
)
def test_a_field_that_is_out_of_bounds_is_named(fields):
    with pytest.raises(SpecError) as refused:
        read_spec(**{"profile": "realistic", **fields})
    (field,) = fields
    assert [finding.path for finding in refused.value.findings] == [field]
    assert field in refused.value.message


def test_every_profile_of_the_catalog_is_offered_with_what_it_takes(profiles):
    offers = {offer.profile.name: offer for offer in profiles.offers()}
    assert {"realistic", "high-cardinality", "process-churn"} <= offers.keys()
    for offer in offers.values():
        assert 0 < offer.plan.processes <= 2000
        assert offer.plan.cpu_cores < 1
    assert offers["process-churn"].plan.churn_per_second == 25


def test_a_summary_has_the_sums_and_every_host(fleet):
    run = fleet.recorded(targets=("local", "local://b"), request={"patterns": [{"count": 120}]})
    run = fleet.ledger.update(run.id, {"local": HALF})
    told = summarise(run)
    assert (told["requested"], told["achieved"]) == (240, 60)
    assert (told["requested_rate"], told["achieved_rate"]) == (5.0, 4.5)
    first, second = told["hosts"]
    assert (first["host"], first["achieved"], first["left"]) == ("local", 60, None)
    assert second == {**dict.fromkeys(first), "host": "local://b"}
    assert datetime.fromisoformat(told["deadline"]) == run.deadline


def test_the_log_of_a_keeper_is_its_owners_only(tmp_path, monkeypatch):
    from phoenix.adapters import keepers

    monkeypatch.setattr(keepers, "_MODULE", "this")
    child = keepers.Keepers(tmp_path).start("load-1")
    child._process.wait(30)
    assert child.poll() == 0
    assert "Namespaces are one honking great idea" in child.last_words()
    log = Archive(tmp_path / "loads").folder("load-1") / "keeper.log"
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_who_watches_sees_the_end_of_a_run_whose_keeper_was_killed(fleet, wish):
    run = fleet.verbs.create(wish)
    assert fleet.verbs.watch(run.id) == fleet.verbs.watch(None) == (run,)
    fleet.living.remove(STARTER)
    (seen,) = fleet.verbs.watch(run.id)
    assert (seen.is_over, seen.ending.why) == (True, LoadEnd.LOST)


def test_who_watches_does_not_wait_for_a_host_that_does_not_answer(fleet, wish):
    run = fleet.verbs.create(wish)
    fleet.living.remove(STARTER)
    fleet.silence("local")
    (seen,) = fleet.verbs.watch(None)
    assert seen.left
    fleet.fail("local", "leftovers", AssertionError("it was asked again"))
    assert fleet.verbs.watch(run.id) == (seen,)
