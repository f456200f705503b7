"""An experiment over many hosts: at once, but not too many; and what one host that fails does to the others."""

import threading
from collections import Counter
from datetime import timedelta

import pytest

from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.domain.samples import Variant
from phoenix.services.concurrency import AT_ONCE, everywhere
from phoenix.services.run import cleaning, deciding, deploying, judging, loading, measuring
from phoenix.services.run.context import LEFT_OUT, RunStopped
from phoenix.services.run.ending import ended
from tests.support.fleet_runs import FleetRuns
from tests.support.fleets import refusal, silence

HOSTS = tuple(f"local://{letter}" for letter in "abcd")
NO_PYTHON = DependencyError("local://b has no Python 3.9 or newer: the census cannot run", code="no_python")
LONG = timedelta(minutes=1)
LOAD = {"profile": "realistic", "processes": 20, "seed": 7}


@pytest.fixture
def fleet(tmp_path) -> FleetRuns:
    return FleetRuns(tmp_path, *HOSTS)


def start(run) -> None:
    deploying.take_hosts(run, Phase.DEPLOYING)
    deploying.deploy(run, Variant.BASELINE)
    deploying.deploy(run, Variant.CANDIDATE)
    loading.start_load(run)


def drive(run, on_scrape=lambda _number, _comparison: None) -> None:
    """As the flow does it."""
    with ended(run, cleaning.clean_up):
        start(run)
        measuring.collect(run, on_scrape)
        deciding.act(run, judging.conclude(run))


def fails(run, match: str) -> Exception:
    with pytest.raises((DependencyError, StateError), match=match) as failed:
        drive(run)
    return failed.value


def assert_clean(fleet, run) -> None:
    for host in fleet.fakes.values():
        assert host.leftovers(run.id) == ()
        assert host.lease() is None


def test_every_host_is_measured_and_left_as_it_was(fleet):
    run = fleet.begin()
    drive(run)
    record = fleet.record(run)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.REPORTED)
    assert record.result["metrics"]["series"]["candidate"] == 12.0
    assert record.result["leftOut"] == []
    assert {s.host for s in fleet.experiments.scrapes(run.id)} == set(HOSTS)
    assert_clean(fleet, run)


def test_the_ledger_of_each_host_keeps_intent_before_outcome(fleet):
    run = fleet.begin(load=LOAD)
    drive(run)
    for host in HOSTS:
        events = [e for e in fleet.experiments.events(run.id) if e.step.endswith(f"@{host}")]
        steps = ["lease", "deploy:baseline", "deploy:candidate", "load", "leave", "clean"]
        kinds = (EventKind.INTENT, EventKind.DONE)
        assert [(e.step.partition("@")[0], e.kind) for e in events] == [(s, k) for s in steps for k in kinds]


@pytest.mark.parametrize("verb", ["acquire", "open_census", "start_collector", "start_load"])
def test_with_stop_one_host_that_fails_ends_the_run_and_says_which(fleet, verb):
    run = fleet.begin(load=LOAD)
    fleet.fail(verb, DependencyError("the disk is full", code="host_failed"), "local://c")
    fault = fails(run, "local://c: the disk is full")
    assert fault.code == "host_failed"
    assert fleet.record(run).phase is Phase.FAILED
    assert_clean(fleet, run)


@pytest.mark.parametrize("verb", ["acquire", "open_census", "start_collector", "start_load"])
def test_with_skip_it_is_left_out_and_the_others_go_on(fleet, verb):
    run = fleet.begin(load=LOAD, onHostFailure="skip")
    fleet.fail(verb, DependencyError("the disk is full", code="host_failed"), "local://c")
    drive(run)
    record = fleet.record(run)
    assert record.phase is Phase.COMPLETED
    assert record.result["leftOut"] == [{"host": "local://c", "why": "the disk is full"}]
    assert fleet.notes(run, LEFT_OUT) == [{"host": "local://c", "why": "the disk is full"}]
    assert {s.host for s in fleet.experiments.scrapes(run.id)} == set(HOSTS) - {"local://c"}
    assert_clean(fleet, run)
    again = fleet.verbs_of_runs().run_of(record)
    assert [host.name for host in again.hosts] == [host for host in HOSTS if host != "local://c"]


def test_with_skip_fewer_hosts_than_a_fleet_needs_end_the_run(fleet):
    run = fleet.begin(onHostFailure="skip")
    for host in ("local://a", "local://c"):
        fleet.fail("start_collector", refusal("collector_died"), host)
    fails(run, "it died; 2 of 4 hosts are left, at least 3 must be")
    assert_clean(fleet, run)


def test_with_skip_one_of_two_hosts_is_enough(tmp_path):
    fleet = FleetRuns(tmp_path, "local://a", "local://b")
    run = fleet.begin(onHostFailure="skip")
    fleet.silence("local://a")
    drive(run)
    assert fleet.record(run).phase is Phase.COMPLETED
    assert {s.host for s in fleet.experiments.scrapes(run.id)} == {"local://b"}
    assert fleet.ledger.owed() == ()


def test_with_skip_a_host_of_another_experiment_is_left_to_it(fleet):
    lease = fleet.fakes["local://b"].acquire("exp-other", LONG)
    run = fleet.begin(onHostFailure="skip")
    drive(run)
    assert "held by exp-other" in run.left_out["local://b"]
    assert fleet.fakes["local://b"].lease() == lease


def test_a_refused_configuration_is_no_fault_of_its_host(fleet, monkeypatch):
    run = fleet.begin(onHostFailure="skip")
    monkeypatch.setattr(deploying, "dump_yaml", lambda _config: "no_such_receiver")
    fails_with_spec = pytest.raises(Exception, match="refuses the configuration")
    with fails_with_spec as failed:
        drive(run)
    assert failed.value.code == "config_refused"


@pytest.mark.parametrize("wish", ["stop", "skip"])
def test_a_host_without_python_starts_no_collector(tmp_path, wish):
    fleet = FleetRuns(tmp_path, "local://b")
    run = fleet.begin(onHostFailure=wish)
    fleet.fail("open_census", NO_PYTHON, "local://b")
    assert str(fails(run, "has no Python")) == str(NO_PYTHON)
    assert fleet.host.deeds == []


def test_of_two_runs_that_want_the_same_hosts_one_gets_them_all(fleet):
    first, second = fleet.begin(), fleet.begin()
    runs = {run.id: run for run in (first, second)}
    faults = everywhere(list(runs), lambda name: deploying.take_hosts(runs[name], Phase.DEPLOYING))
    ((loser, fault),) = faults
    assert "held by" in str(fault)
    (winner,) = set(runs) - {loser}
    assert {host.lease().holder for host in fleet.fakes.values()} == {winner}


def test_the_first_host_is_taken_before_any_other(fleet):
    run = fleet.begin()
    another = threading.Event()
    seen = []
    for host in fleet.hosts.values():
        host.before = lambda verb, _arguments: another.set() if verb == "acquire" else None
    fleet.hosts["local://a"].before = lambda verb, _: seen.append(verb == "acquire" and another.wait(0.2))
    deploying.take_hosts(run, Phase.DEPLOYING)
    assert True not in seen
    assert another.is_set()


def test_sixteen_hosts_are_worked_on_at_once_and_no_more(tmp_path):
    fleet = FleetRuns(tmp_path, *(f"local://{number}" for number in range(40)))
    run = fleet.begin()
    busy, most, lock = Counter(), [], threading.Lock()
    together = threading.Barrier(AT_ONCE)

    def before(verb: str, _arguments: tuple) -> None:
        if verb == "start_collector":
            with lock:
                busy["now"] += 1
                busy["all"] += 1
                most.append(busy["now"])
                is_first = busy["all"] <= AT_ONCE
            if is_first:
                together.wait(10)

    def after(verb: str, _arguments: tuple) -> None:
        if verb == "start_collector":
            with lock:
                busy["now"] -= 1

    for host in fleet.hosts.values():
        host.before, host.after = before, after
    deploying.take_hosts(run, Phase.DEPLOYING)
    deploying.deploy(run, Variant.BASELINE)
    assert max(most) == AT_ONCE
    assert busy["all"] == len(fleet.fakes)


def test_a_stop_while_hosts_are_deployed_to_ends_the_run_and_cleans_up(fleet):
    run = fleet.begin()
    let_go = threading.Event()

    def before(verb: str, _arguments: tuple) -> None:
        if verb == "start_collector":
            fleet.experiments.request_stop(run.id, "not now")
            let_go.wait(10)

    def told(verb: str, _arguments: tuple) -> None:
        if verb == "beat" and fleet.record(run).stop_requested:
            let_go.set()

    for host in fleet.hosts.values():
        host.before = before
    fleet.ledger_of_runs.after = told
    drive(run)
    record = fleet.record(run)
    assert record.phase is Phase.STOPPED
    assert "not now" in record.error
    assert_clean(fleet, run)


def test_a_stop_reaches_what_waits_on_a_host(fleet):
    run = fleet.begin()
    fleet.experiments.request_stop(run.id, "not now")
    with pytest.raises(RunStopped):
        run.check_stop()
    with pytest.raises(RunStopped, match="not now"):
        run.heed_stop()


def test_a_candidate_that_lost_is_gone_before_anybody_is_told(fleet):
    run = fleet.begin(onPromote="auto")
    fleet.losing["local://d"] = "candidate"
    at_the_verdict = []

    def told(_number, comparison) -> None:
        if comparison is not None and comparison.verdict == "ROLL_BACK":
            at_the_verdict.append([host.collector("candidate") for host in fleet.fakes.values()])

    drive(run, told)
    assert at_the_verdict == [[None] * 4]
    record = fleet.record(run)
    assert (record.result["verdict"], record.outcome) == ("ROLL_BACK", Outcome.ROLLED_BACK)
    withdrawn = fleet.events(run, EventKind.DONE).index("withdraw:candidate@local://d")
    assert withdrawn < fleet.events(run, EventKind.DONE).index("compare")


def test_a_host_that_falls_silent_is_missing_data_and_its_clean_up_is_owed(fleet):
    run = fleet.begin(maximumDuration="80s")

    def told(number, _comparison) -> None:
        if number == 6:
            fleet.silence("local://b")

    drive(run, told)
    record = fleet.record(run)
    assert (record.phase, record.result["verdict"]) == (Phase.COMPLETED, "INCONCLUSIVE")
    assert not record.result["validity"]["valid"]
    assert "A clean-up is owed on local://b: the host does not answer" in record.error
    assert [(owed.host, owed.owner) for owed in fleet.ledger.owed()] == [("local://b", run.id)]
    silent = [s for s in fleet.experiments.scrapes(run.id) if s.host == "local://b" and s.number > 6]
    assert silent
    assert all(s.baseline.error and s.candidate.error for s in silent)
    assert fleet.recover()[0].failed
    assert len(fleet.ledger.owed()) == 1
    fleet.mend("local://b")
    assert not any(repair.failed for repair in fleet.recover())
    assert fleet.ledger.owed() == ()
    assert_clean(fleet, run)


def test_a_collector_that_dies_on_one_host_ends_the_measurement_and_says_which(fleet):
    run = fleet.begin()

    def told(number, _comparison) -> None:
        if number == 6:
            fleet.fakes["local://c"].kill("candidate")

    drive(run, told)
    record = fleet.record(run)
    assert (record.phase, record.result["verdict"]) == (Phase.COMPLETED, "INCONCLUSIVE")
    (interrupted,) = fleet.notes(run, "interrupted")
    assert interrupted["reason"].startswith("the candidate collector on local://c died: ")
    assert interrupted["scrape"] <= 8
    assert_clean(fleet, run)


def test_a_host_that_was_never_reached_is_owed_nothing(fleet):
    run = fleet.begin()
    fleet.silence("local://b")
    fails(run, "local://b: the host does not answer")
    assert fleet.ledger.owed() == ()
    record = fleet.record(run)
    assert record.phase is Phase.FAILED
    assert "owed" not in record.error


def test_a_lost_driver_with_a_silent_host_is_cleaned_up_where_it_can_be(fleet):
    run = fleet.begin()
    start(run)
    fleet.silence("local://b")
    fleet.recover()
    record = fleet.record(run)
    assert record.phase is Phase.STOPPED
    assert "owed on local://b" in record.error
    assert [owed.host for owed in fleet.ledger.owed()] == ["local://b"]
    fleet.mend("local://b")
    fleet.recover()
    assert fleet.ledger.owed() == ()
    assert_clean(fleet, run)


def test_a_lease_that_somebody_else_took_ends_the_run(fleet, monkeypatch):
    monkeypatch.setattr("phoenix.services.run.leases.RENEWALS", 1e9)
    run = fleet.begin()
    start(run)
    taken = fleet.fakes["local://c"]
    taken.release(run.id)
    taken.acquire("exp-other", LONG)
    with pytest.raises(StateError, match="outdated"):
        run.check_stop()


def test_a_host_that_does_not_answer_keeps_its_lease_in_question_only(fleet, monkeypatch):
    monkeypatch.setattr("phoenix.services.run.leases.RENEWALS", 1e9)
    run = fleet.begin()
    start(run)
    fleet.fail("renew", silence(), "local://c", times=3)
    for _ in range(4):
        run.check_stop()
