"""A promotion over a fleet: stage by stage, and whatever goes wrong in any of them takes all of it back."""

import time
from contextlib import suppress

import pytest

from phoenix.domain.deployment import RevisionState
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Variant
from phoenix.services.handover import DATA_FLOW_PATIENCE
from phoenix.services.run import cleaning, deciding, deploying, promoting
from phoenix.services.run.ending import ended
from tests.support.fleet_runs import FleetRuns
from tests.support.fleets import refusal

HOSTS = tuple(f"local://{letter}" for letter in "abcde")


@pytest.fixture
def fleet(tmp_path) -> FleetRuns:
    """Five hosts, at each of which a pipeline serves."""
    found = FleetRuns(tmp_path, *HOSTS)
    assert all(one.fault is None for one in found.deploy())
    return found


def promote(run) -> None:
    """As the flow of a promotion does it."""
    with ended(run, cleaning.clean_up):
        deploying.take_hosts(run, Phase.PROMOTING)
        deciding.promote(run)


def test_one_host_then_three_then_the_rest(fleet):
    run = fleet.judged(watch="3s")
    promote(run)
    assert fleet.record(run).outcome is Outcome.PROMOTED
    assert set(fleet.serving().values()) == {run.id}
    fleet.assert_one_serves()
    stages = [e for e in fleet.experiments.events(run.id) if e.step.startswith("stage:")]
    begun = [e.data for e in stages if e.kind is EventKind.INTENT]
    assert [data["hosts"] for data in begun] == [["local://a"], list(HOSTS[1:4]), ["local://e"]]
    steps = [e.step for e in fleet.experiments.events(run.id) if e.kind in (EventKind.DONE, EventKind.PHASE)]
    order = [s for s in steps if s.startswith(("stage:", "watching"))]
    assert order == ["watching", "stage:1", "watching", "stage:2", "watching", "stage:3"]


def test_a_breach_in_stage_two_takes_every_host_back(fleet):
    before = fleet.serving()
    fleet.losing["local://c"] = "revision-2"
    run = fleet.judged(watch="5s")
    promote(run)
    assert fleet.record(run).outcome is Outcome.REVERTED
    assert fleet.serving() == before
    fleet.assert_one_serves()
    (breach,) = fleet.notes(run, "breach")
    assert "nginx" in breach["reason"]
    assert "local://c" in breach["reason"]
    assert "promote@local://e" not in fleet.events(run)
    undone = fleet.events(run, EventKind.UNDONE)
    assert sorted(undone) == [f"promote@{host}" for host in HOSTS[:4]]
    for host in HOSTS[:4]:
        promoted = fleet.ledger.get(host, 2)
        assert promoted.state is RevisionState.FAILED
        assert "nginx" in promoted.error
        assert fleet.active(host).number == 1


def test_a_host_that_fails_in_stage_two_takes_every_host_back(fleet):
    before = fleet.serving()
    fleet.fakes["local://d"].refusals["revision-2"] = refusal("collector_died")
    run = fleet.judged(watch="1s")
    with pytest.raises(DependencyError) as failed:
        promote(run)
    assert failed.value.code == "collector_died"
    assert "local://d" in failed.value.message
    assert fleet.serving() == before
    fleet.assert_one_serves()
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.REPORTED)
    assert "The promotion did not succeed: local://d" in record.error


def test_a_host_that_fails_breaks_off_what_others_wait_for(fleet):
    before = fleet.serving()
    fleet.deaf.add("local://b")
    fleet.fakes["local://d"].refusals["revision-2"] = refusal("collector_died")
    run = fleet.judged(watch="1s")
    began = time.monotonic()
    with pytest.raises(DependencyError, match="local://d"):
        promote(run)
    assert time.monotonic() - began < DATA_FLOW_PATIENCE.total_seconds() / 2
    assert "given up" in fleet.ledger.get("local://b", 2).error
    assert fleet.serving() == before
    fleet.assert_one_serves()


def test_a_stop_in_the_soak_of_stage_one_takes_it_back(fleet):
    before = fleet.serving()
    run = fleet.judged(watch="60s")
    reached = []

    def after(verb: str, arguments: tuple) -> None:
        if verb == "enter" and arguments[1] is Phase.WATCHING:
            reached.append(fleet.serving())
            fleet.experiments.request_stop(run.id, "not today")

    fleet.ledger_of_runs.after = after
    promote(run)
    assert reached[0]["local://a"] == run.id
    assert fleet.serving() == before
    fleet.assert_one_serves()
    assert "not today" in fleet.record(run).error


def assert_taken_back_when_it_answers(fleet, run, before, host: str, outcome: Outcome) -> None:
    """Every other host is restored already; this one is by the recovery that reaches it."""
    others = {other: owner for other, owner in fleet.serving().items() if other != host}
    assert others == {other: before[other] for other in others}
    assert not fleet.record(run).phase.is_over
    first, *_ = fleet.recover()
    assert first.failed
    assert "does not answer" in first.words
    fleet.mend(host)
    assert not any(repair.failed for repair in fleet.recover())
    assert fleet.serving() == before
    assert fleet.record(run).outcome is outcome
    fleet.assert_one_serves()
    assert fleet.recover() == ()


def test_a_host_that_falls_silent_after_its_switch_is_taken_back_when_it_answers(fleet):
    before = fleet.serving()
    run = fleet.judged(watch="60s")
    fleet.silence("local://b", after="retire")
    with pytest.raises(DependencyError, match="not restored everywhere"):
        promote(run)
    assert_taken_back_when_it_answers(fleet, run, before, "local://b", Outcome.REPORTED)


def test_a_host_that_falls_silent_in_its_watch_is_a_breach(fleet):
    before = fleet.serving()
    run = fleet.judged(watch="60s")
    looks = []

    def after(verb: str, _arguments: tuple) -> None:
        looks.append(verb == "beat" and fleet.serving()["local://c"] == run.id)
        if looks.count(True) == 6:
            fleet.silence("local://c")

    fleet.ledger_of_runs.after = after
    with pytest.raises(DependencyError, match="not restored everywhere"):
        promote(run)
    fleet.ledger_of_runs.after = lambda _verb, _arguments: None
    (breach,) = fleet.notes(run, "breach")
    assert "local://c exported nothing in its last 3 scrapes" in breach["reason"]
    assert_taken_back_when_it_answers(fleet, run, before, "local://c", Outcome.REVERTED)


def test_a_promotion_that_stands_waits_for_a_silent_host_instead_of_being_taken_back(fleet):
    run = fleet.judged(watch="60s")
    deploying.take_hosts(run, Phase.PROMOTING)
    promoting.hand_over(run, run.hosts)
    fleet.silence("local://d")
    (repair, *_) = fleet.recover()
    assert repair.failed
    assert "local://d cannot be asked" in repair.words
    assert set(fleet.serving().values()) == {run.id}
    fleet.mend("local://d")
    assert not any(repair.failed for repair in fleet.recover())
    assert set(fleet.serving().values()) == {run.id}
    assert fleet.record(run).outcome is Outcome.PROMOTED
    fleet.assert_one_serves()


class Died(BaseException):
    """The control plane was killed: from here on it does nothing at all."""


CHANGES = {
    "start_collector",
    "activate",
    "retire",
    "stop_collector",
    "clear",
    "begin",
    "append",
    "enter",
    "finish",
}


class Mortal:
    """Kills the control plane at the n-th change of anything outside it, before or after the change."""

    def __init__(self, fleet: FleetRuns, number: int) -> None:
        self.left = number
        self.ports = [*fleet.hosts.values(), fleet.store, fleet.ledger_of_runs]
        for port in self.ports:
            port.before = self._before

    def _before(self, verb: str, _arguments: tuple) -> None:
        if self.left > 0 and verb in CHANGES:
            self.left -= 1
        if self.left <= 0:
            raise Died

    def bury(self) -> None:
        for port in self.ports:
            port.before = lambda _verb, _arguments: None


@pytest.mark.parametrize("losing", [{}, {"local://b": "revision-2"}], ids=["promoted", "reverted"])
def test_killed_anywhere_every_host_ends_with_one_serving_pipeline_of_one_kind(tmp_path, losing):
    number, kinds = 0, set()
    while True:
        number += 1
        fleet = FleetRuns(tmp_path / str(number), "local://a", "local://b", "local://c")
        fleet.losing.update(losing)
        assert all(one.fault is None for one in fleet.deploy())
        before = fleet.serving()
        run = fleet.judged(watch="1s")
        death = Mortal(fleet, number)
        with suppress(Died, PhoenixError):
            promote(run)
        if death.left > 0:
            break
        death.bury()
        assert not any(repair.failed for repair in fleet.recover())
        fleet.assert_one_serves()
        after = fleet.serving()
        assert after == before or set(after.values()) == {run.id}, number
        kinds.add(after == before)
        found = (after, fleet.record(run).outcome)
        assert (found[1] is Outcome.PROMOTED) is (after != before)
        fleet.recover()
        assert (fleet.serving(), fleet.record(run).outcome) == found
    assert kinds == {True, False}
    assert number > 40


def test_the_verdict_promotes_the_candidate_only(fleet):
    run = fleet.judged()
    with pytest.raises(StateError, match="The baseline of fleet cannot be promoted"):
        fleet.verbs_of_runs().promote(run.id, "why not", Variant.BASELINE)
    assert fleet.notes(run, "promote_requested") == []
