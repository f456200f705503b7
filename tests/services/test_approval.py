"""A person is asked whether to promote; both variants are measured meanwhile, and a breach takes the verdict back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.phases import Decision, Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Variant
from phoenix.services.approvals import ANSWERED, ASKED, BREACH, Approvals
from phoenix.services.run import approving, cleaning, deciding, deploying, judging, loading, measuring
from phoenix.services.run.ending import ended
from tests.support.fleet_runs import FleetRuns

HOSTS = ("local://a", "local://b")
LONG = {"timeLimit": "2h"}
SHORT = {"timeLimit": "10s"}


@pytest.fixture
def fleet(tmp_path) -> FleetRuns:
    return FleetRuns(tmp_path, *HOSTS)


def begin(fleet: FleetRuns, **changes: object):
    return fleet.begin(**{"onPromote": "approve", "approval": LONG, **changes})


def drive(run) -> None:
    """As the flow does it."""
    with ended(run, cleaning.clean_up):
        deploying.take_hosts(run, Phase.DEPLOYING)
        deploying.deploy(run, Variant.BASELINE)
        deploying.deploy(run, Variant.CANDIDATE)
        loading.start_load(run)
        measuring.collect(run, lambda _number, _comparison: None)
        deciding.act(run, approving.await_approval(run, judging.conclude(run)))


def when_waiting(fleet: FleetRuns, act: Callable[[], object], scrapes: int = 0) -> None:
    """Do something once the run waits, and has taken so many scrapes since."""
    waited: list[int] = []

    def after(verb: str, arguments: tuple) -> None:
        if verb == "enter" and arguments[1] is Phase.AWAITING_APPROVAL:
            waited.append(0)
        elif verb == "add_scrapes" and waited:
            waited.append(1)
        if len(waited) == scrapes + 1:
            waited.append(1)
            act()

    fleet.ledger_of_runs.after = after


def answering(fleet: FleetRuns, decision: Decision) -> Callable[[], object]:
    verbs = Approvals(fleet.experiments)
    return lambda: verbs.decide("fleet", decision, "we talked about it", "ops@laptop")


def approval_of(fleet: FleetRuns, run) -> dict[str, object]:
    return fleet.record(run).result["approval"]


def assert_left_alone(fleet: FleetRuns, run) -> None:
    for host in fleet.fakes.values():
        assert host.active() is None
        assert host.leftovers(run.id) == ()
        assert host.lease() is None


def test_who_approves_sees_it_promoted(fleet):
    run = begin(fleet)
    when_waiting(fleet, answering(fleet, Decision.PROMOTE), scrapes=2)
    drive(run)
    record = fleet.record(run)
    assert (record.phase, record.outcome, record.error) == (Phase.COMPLETED, Outcome.PROMOTED, "")
    assert set(fleet.serving().values()) == {run.id}
    fleet.assert_one_serves()
    assert fleet.notes(run, ANSWERED) == [
        {"decision": "promote", "reason": "we talked about it", "by": "ops@laptop"}
    ]
    assert approval_of(fleet, run)["state"] == "approved"


def test_who_declines_leaves_production_as_it_is_and_the_verdict_stands(fleet):
    run = begin(fleet)
    when_waiting(fleet, answering(fleet, Decision.DECLINE))
    drive(run)
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.DECLINED)
    assert record.result["verdict"] == "PROMOTE"
    assert approval_of(fleet, run)["state"] == "declined"
    assert_left_alone(fleet, run)


@pytest.mark.parametrize(
    ("otherwise", "outcome"), [("decline", Outcome.DECLINED), ("promote", Outcome.PROMOTED)]
)
def test_without_an_answer_in_time_the_default_applies(fleet, otherwise, outcome):
    run = begin(fleet, approval={**SHORT, "otherwise": otherwise})
    drive(run)
    assert fleet.record(run).outcome is outcome
    (answer,) = fleet.notes(run, ANSWERED)
    assert (answer["decision"], answer["by"]) == (otherwise, "the time limit")
    assert answer["reason"].startswith("nobody answered within ")


@pytest.mark.parametrize("wish", ["auto", "report"])
def test_who_need_not_be_asked_is_not(fleet, wish):
    run = begin(fleet, onPromote=wish, approval=None)
    drive(run)
    assert fleet.notes(run, ASKED) == []
    assert approval_of(fleet, run) is None


def test_a_verdict_against_the_candidate_is_not_asked_about(fleet):
    fleet.losing["local://a"] = "candidate"
    run = begin(fleet)
    drive(run)
    assert fleet.notes(run, ASKED) == []
    assert fleet.record(run).outcome is Outcome.ROLLED_BACK


def test_measuring_goes_on_while_it_waits_and_the_leases_are_kept(fleet):
    run = begin(fleet)
    held = []

    def act() -> None:
        held.extend(host.lease().holder for host in fleet.fakes.values())
        answering(fleet, Decision.DECLINE)()

    when_waiting(fleet, act, scrapes=10)
    drive(run)
    (asked,) = fleet.notes(run, ASKED)
    meanwhile = [s for s in fleet.experiments.scrapes(run.id) if s.number > asked["scrape"]]
    assert len({s.number for s in meanwhile}) >= 10
    assert {s.host for s in meanwhile} == set(HOSTS)
    assert all(s.baseline.values and s.candidate.values for s in meanwhile)
    assert held == [run.id, run.id]
    taken = [s for s in fleet.experiments.scrapes(run.id) if s.host == HOSTS[0]]
    assert [s.number for s in taken] == list(range(1, len(taken) + 1))
    times = [s.wall_seconds for s in taken]
    assert times == sorted(times)


def test_whoever_has_the_scrapes_gets_the_verdict_that_was_asked_about(fleet):
    run = begin(fleet)
    when_waiting(fleet, answering(fleet, Decision.DECLINE), scrapes=30)
    drive(run)
    before = {k: v for k, v in fleet.record(run).result.items() if k not in ("approval", "leftOut")}
    again = judging.as_document(judging.compare(judging.judged_scrapes(run), run.design()))
    assert again == before


def breach_of(fleet: FleetRuns, run) -> str:
    record = fleet.record(run)
    assert (record.phase, record.outcome, record.error) == (Phase.COMPLETED, Outcome.ROLLED_BACK, "")
    assert record.result["verdict"] == "ROLL_BACK"
    assert approval_of(fleet, run)["state"] == "breached"
    (note,) = fleet.notes(run, "breach")
    assert note["reason"] in record.result["reasons"][0]
    assert set(fleet.serving().values()) == {None}
    return str(note["reason"])


def test_a_critical_process_that_the_candidate_loses_is_a_breach(fleet):
    run = begin(fleet)
    when_waiting(fleet, lambda: fleet.losing.update({"local://b": "candidate"}), scrapes=5)
    drive(run)
    assert "critical process nginx" in breach_of(fleet, run)
    assert_left_alone(fleet, run)


def test_the_candidate_is_gone_before_anything_is_said_of_the_breach(fleet):
    run = begin(fleet)
    there: list[bool] = []
    when_waiting(fleet, lambda: fleet.losing.update({"local://b": "candidate"}), scrapes=5)
    told = fleet.ledger_of_runs.after

    def after(verb: str, arguments: tuple) -> None:
        told(verb, arguments)
        if verb == "save_result" and arguments[1]["verdict"] == "ROLL_BACK":
            there.extend(host.collector("candidate") is not None for host in fleet.fakes.values())

    fleet.ledger_of_runs.after = after
    drive(run)
    assert there == [False, False]


@pytest.mark.parametrize("variant", ["candidate", "baseline"])
def test_a_collector_that_dies_is_a_breach(fleet, variant):
    run = begin(fleet)
    when_waiting(fleet, lambda: fleet.fakes["local://b"].kill(variant), scrapes=5)
    drive(run)
    assert f"the {variant} collector on local://b died" in breach_of(fleet, run)


def test_a_level_outside_its_limit_is_a_breach(fleet):
    run = begin(fleet, guardrails=[{"metric": "collector_memory_bytes", "maximum": 60_000_000}])
    when_waiting(fleet, lambda: setattr(fleet, "memory", 90_000_000))
    drive(run)
    assert "collector memory 85.8 MiB" in breach_of(fleet, run)


def test_a_leak_late_in_the_wait_is_a_breach(fleet):
    run = begin(fleet, guardrails=[{"metric": "collector_memory_bytes", "maximum": 60_000_000}])
    when_waiting(fleet, lambda: setattr(fleet, "memory", 90_000_000), scrapes=160)
    drive(run)
    assert "collector memory" in breach_of(fleet, run)


def test_a_candidate_that_falls_silent_is_a_breach(fleet):
    run = begin(fleet, criticalProcesses=None, guardrails=[])
    when_waiting(fleet, lambda: fleet.deaf.add("local://a"), scrapes=5)
    drive(run)
    assert "exported nothing in its last 3 scrapes" in breach_of(fleet, run)


def test_a_host_that_is_lost_is_a_breach_and_its_clean_up_is_owed(fleet):
    run = begin(fleet)
    when_waiting(fleet, lambda: fleet.silence("local://b"), scrapes=5)
    drive(run)
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.ROLLED_BACK)
    assert "owed on local://b" in record.error
    assert fleet.fakes["local://a"].leftovers(run.id) == ()


def test_a_host_that_is_lost_before_the_wait_begins_is_a_breach(fleet):
    run = begin(fleet)
    when_waiting(fleet, lambda: fleet.silence("local://b"))
    drive(run)
    assert fleet.record(run).outcome is Outcome.ROLLED_BACK


def test_a_host_that_somebody_else_took_is_a_breach_and_no_crash(fleet, monkeypatch):
    monkeypatch.setattr("phoenix.services.run.leases.RENEWALS", 1e9)
    run = begin(fleet)

    def take() -> None:
        fleet.fakes["local://b"].release(run.id)
        fleet.fakes["local://b"].acquire("exp-other", run.lease_lifetime)

    when_waiting(fleet, take, scrapes=5)
    drive(run)
    assert "outdated" in breach_of(fleet, run)


def test_a_stop_is_heeded_while_it_waits(fleet):
    run = begin(fleet)
    when_waiting(fleet, lambda: fleet.experiments.request_stop(run.id, "not today"), scrapes=3)
    drive(run)
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.STOPPED, Outcome.STOPPED)
    assert approval_of(fleet, run)["state"] == "unanswered"
    assert_left_alone(fleet, run)


def test_the_first_answer_stands(fleet):
    run = begin(fleet)
    refused: list[StateError] = []

    def both() -> None:
        answering(fleet, Decision.DECLINE)()
        with pytest.raises(StateError, match="decided already: decline, by ops@laptop") as late:
            answering(fleet, Decision.PROMOTE)()
        refused.append(late.value)

    when_waiting(fleet, both)
    drive(run)
    assert [fault.code for fault in refused] == ["decided"]
    assert fleet.record(run).outcome is Outcome.DECLINED


def test_only_what_is_asked_about_can_be_answered(fleet):
    run = begin(fleet, onPromote="report", approval=None)
    with pytest.raises(StateError, match="it is pending") as early:
        answering(fleet, Decision.PROMOTE)()
    drive(run)
    with pytest.raises(StateError, match="it is completed") as late:
        answering(fleet, Decision.PROMOTE)()
    assert (early.value.code, late.value.code) == ("not_awaited", "not_awaited")
    assert "phoenix experiment promote fleet" in late.value.hint


def lost_while_waiting(fleet: FleetRuns, run) -> None:
    """The driver dies, as by SIGKILL: nothing of its own runs after that."""

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    when_waiting(fleet, die, scrapes=3)
    deploying.take_hosts(run, Phase.DEPLOYING)
    deploying.deploy(run, Variant.BASELINE)
    deploying.deploy(run, Variant.CANDIDATE)
    loading.start_load(run)
    measuring.collect(run, lambda _number, _comparison: None)
    comparison = judging.conclude(run)
    with pytest.raises(Killed):
        approving.await_approval(run, comparison)
    fleet.ledger_of_runs.after = lambda _verb, _arguments: None


def test_a_driver_that_dies_while_it_waits_leaves_a_verdict_that_can_be_promoted(fleet):
    run = begin(fleet)
    lost_while_waiting(fleet, run)
    fleet.recover()
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.REPORTED)
    assert record.result["verdict"] == "PROMOTE"
    assert approval_of(fleet, run)["state"] == "unanswered"
    assert_left_alone(fleet, run)
    later = fleet.verbs_of_runs().open_promotion("fleet", "it was good")
    assert later.id == run.id


def test_a_driver_that_dies_after_the_answer_no_leaves_it_declined(fleet):
    run = begin(fleet)
    lost_while_waiting(fleet, run)
    answering(fleet, Decision.DECLINE)()
    fleet.recover()
    assert fleet.record(run).outcome is Outcome.DECLINED
    assert approval_of(fleet, run)["state"] == "declined"


def test_a_driver_that_dies_after_a_breach_leaves_nothing_to_promote(fleet):
    run = begin(fleet)
    lost_while_waiting(fleet, run)
    fleet.experiments.append(run.id, EventKind.NOTE, BREACH, {"reason": "it leaks", "scrape": 40})
    fleet.recover()
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.ROLLED_BACK)
    assert (record.result["verdict"], record.result["decidedAtScrape"]) == ("ROLL_BACK", 40)
    assert record.result["reasons"][0] == "breached while waiting for the approval: it leaks"
    assert approval_of(fleet, run)["state"] == "breached"
    with pytest.raises(StateError, match="its verdict is ROLL_BACK"):
        fleet.verbs_of_runs().open_promotion("fleet", "it was good")


def test_an_answer_that_comes_with_the_last_look_is_heard(fleet):
    run = begin(fleet, approval={**SHORT, "otherwise": "promote"})
    deploying.take_hosts(run, Phase.DEPLOYING)
    deploying.deploy(run, Variant.BASELINE)
    deploying.deploy(run, Variant.CANDIDATE)
    measuring.collect(run, lambda _number, _comparison: None)
    asked = judging.conclude(run)
    approving.await_approval(run, asked, last_look=answering(fleet, Decision.DECLINE))
    (answer,) = fleet.notes(run, ANSWERED)
    assert (answer["decision"], answer["by"]) == ("decline", "ops@laptop")


def store_away(fleet: FleetRuns, times: int) -> Callable[[], object]:
    """From now on the store does not answer the next heartbeats."""

    def act() -> None:
        left = iter(range(times))

        def before(verb: str, _arguments: tuple) -> None:
            if verb == "beat" and next(left, None) is not None:
                raise DependencyError("The database cannot be used.", code="store_unavailable")

        fleet.ledger_of_runs.before = before

    return act


def test_a_store_that_is_away_for_a_moment_is_no_breach(fleet):
    run = begin(fleet)
    when_waiting(fleet, store_away(fleet, 5), scrapes=5)
    told = fleet.ledger_of_runs.after
    scraped: list[int] = []

    def after(verb: str, arguments: tuple) -> None:
        told(verb, arguments)
        if verb == "add_scrapes" and fleet.record(run).phase is Phase.AWAITING_APPROVAL:
            scraped.append(1)
            if len(scraped) == 12:
                answering(fleet, Decision.PROMOTE)()

    fleet.ledger_of_runs.after = after
    drive(run)
    assert fleet.record(run).outcome is Outcome.PROMOTED
    assert fleet.notes(run, "breach") == []


def test_a_store_that_stays_away_fails_the_run_and_judges_nothing(fleet, monkeypatch):
    monkeypatch.setattr(type(begin(fleet)), "lease_lifetime", timedelta(seconds=0.2))
    run = fleet.opened(fleet.experiments.get("fleet"))
    when_waiting(fleet, store_away(fleet, 10**9), scrapes=5)
    with pytest.raises(DependencyError, match="database"):
        drive(run)
    assert fleet.notes(run, "breach") == []
    assert fleet.record(run).result["verdict"] == "PROMOTE"
