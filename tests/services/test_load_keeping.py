"""A load run from its keeper's claim to the proof that nothing is left, whatever ends it."""

import itertools
import os
import resource
import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadState, LoadStatus
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.services.loads import keeping
from phoenix.services.loads.calls import Call
from phoenix.services.loads.keeping import TakenOverError
from tests.support.load_fleets import KEEPER, OTHER, PROCESSES, STARTER, Kept, LoadFleet
from tests.support.waiting import eventually

HOSTS = tuple(f"local://{letter}" for letter in "abc")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(keeping, "LOOK_SECONDS", 0.01)


@pytest.fixture
def fleet() -> LoadFleet:
    return LoadFleet(*HOSTS)


def ended(fleet: LoadFleet, kept: Kept, why: LoadEnd):
    """The run, which is over for this reason, with nothing left anywhere."""
    run = kept.result()
    assert run == fleet.ledger.get(run.id)
    assert run.is_over
    assert run.ending is not None
    assert run.ending.why is why
    assert (run.driver, run.left) == (None, {})
    assert fleet.loaded(run.id) == []
    return run


def test_it_runs_on_every_host_until_its_deadline(fleet):
    began = datetime.now(UTC)
    run = fleet.recorded(seconds=0.6)
    kept = Kept(fleet, run)
    running = kept.running()
    assert fleet.loaded(run.id) == list(HOSTS)
    assert running.driver == KEEPER
    assert began <= running.started_at <= datetime.now(UTC)
    over = ended(fleet, kept, LoadEnd.DEADLINE)
    assert over.ended_at >= run.deadline
    assert (over.requested, over.achieved) == (3 * PROCESSES, 3 * PROCESSES)
    assert over.hosts == dict.fromkeys(HOSTS, LoadStatus(PROCESSES, PROCESSES, PROCESSES))


def test_the_hosts_are_asked_for_what_was_recorded_and_for_little_longer_than_the_deadline(fleet):
    asked = []
    for host in fleet.hosts.values():
        host.before = lambda verb, arguments: asked.append(arguments) if verb == "start_load" else None
    run = fleet.recorded(seconds=100)
    kept = Kept(fleet, run)
    kept.running()
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)
    assert [(owner, request) for owner, request, _ in asked] == [(run.id, run.request)] * 3
    assert all(timedelta(seconds=100) < lifetime <= timedelta(seconds=105) for *_, lifetime in asked)


def test_all_hosts_start_at_once(fleet):
    at_once = threading.Barrier(len(HOSTS), timeout=30)
    for host in fleet.hosts.values():
        host.before = lambda verb, _arguments: at_once.wait() if verb == "start_load" else None
    kept = Kept(fleet, fleet.recorded())
    kept.running()
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)


def test_a_stop_request_ends_it_with_the_persons_reason(fleet):
    kept = Kept(fleet, fleet.recorded())
    fleet.store.request_stop(kept.running().id, "it is late")
    assert ended(fleet, kept, LoadEnd.STOPPED).ending.words == "it is late"


def test_a_call_ends_it_with_its_words(fleet):
    kept = Kept(fleet, fleet.recorded())
    kept.running()
    kept.call.end("SIGTERM")
    assert ended(fleet, kept, LoadEnd.STOPPED).ending.words == "SIGTERM"


def test_it_ends_with_its_experiment(fleet):
    record = ExperimentRecord("exp-1", "web", {}, Phase.MEASURING, Outcome.NONE, datetime.now(UTC))
    fleet.experiments.create(record)
    kept = Kept(fleet, fleet.recorded(experiment="exp-1"))
    kept.running()
    fleet.experiments.finish("exp-1", Phase.STOPPED, Outcome.STOPPED, "")
    assert "exp-1" in ended(fleet, kept, LoadEnd.EXPERIMENT_OVER).ending.words


def test_it_ends_with_an_experiment_that_was_deleted(fleet):
    ended(fleet, Kept(fleet, fleet.recorded(experiment="exp-gone")), LoadEnd.EXPERIMENT_OVER)


def test_a_run_whose_deadline_is_past_starts_nothing(fleet):
    for target in HOSTS:
        fleet.fail(target, "start_load", AssertionError("it was started"))
    ended(fleet, Kept(fleet, fleet.recorded(seconds=-1)), LoadEnd.DEADLINE)


@pytest.mark.parametrize(
    "fault",
    [
        SpecError("no such user", code="bad_request", hint="name another"),
        StateError("too many processes", code="pids_max", hint="ask for fewer"),
        DependencyError("no Python 3.9 or newer", code="no_python", hint="install it"),
    ],
)
def test_one_host_that_refuses_ends_all_and_its_error_is_kept(fleet, fault):
    fleet.fail(HOSTS[1], "start_load", fault)
    over = ended(fleet, Kept(fleet, fleet.recorded()), LoadEnd.FAILED)
    assert over.started_at is None
    raised = over.ending.fault()
    assert type(raised) is type(fault)
    assert (raised.code, raised.hint, raised.actor) == (fault.code, fault.hint, fault.actor)
    assert raised.message == f"{HOSTS[1]}: {fault.message}"


def test_a_host_that_was_never_reached_does_not_have_to_show_anything(fleet):
    """Else a misspelt address would keep the run from being over for ever."""
    fleet.silence(HOSTS[1])
    for target in (HOSTS[0], HOSTS[2]):
        fleet.fail(target, "start_load", AssertionError("it was started"))
    over = ended(fleet, Kept(fleet, fleet.recorded()), LoadEnd.FAILED)
    assert isinstance(over.ending.fault(), DependencyError)
    assert over.ending.words.startswith(f"{HOSTS[1]}: ")


def test_a_host_out_of_reach_has_to_show_what_an_earlier_keeper_left(fleet):
    run = fleet.recorded(driver=None, heartbeat_at=datetime.now(UTC))
    fleet.fakes[HOSTS[1]]._sessions.append((run.id, "load"))
    fleet.silence(HOSTS[1])
    left = Kept(fleet, run).result()
    assert (left.state, set(left.left)) == (LoadState.ENDING, {HOSTS[1]})


def test_a_run_that_is_ending_starts_nothing(fleet):
    """A keeper that comes up late: somebody held its starter for lost, and could not ask a host."""
    asked = []
    for host in fleet.hosts.values():
        host.before = lambda verb, _arguments: asked.append(verb)
    run = fleet.recorded(driver=None, state=LoadState.ENDING, ending=LoadEnding(LoadEnd.LOST, "it was lost"))
    assert ended(fleet, Kept(fleet, run), LoadEnd.LOST).ending.words == "it was lost"
    assert "leftovers" in asked
    assert "start_load" not in asked


def test_a_store_that_is_locked_when_all_processes_stand_ends_nothing(fleet):
    failures = iter([True] * 3)

    def fail(verb, _arguments):
        if verb == "running" and next(failures, False):
            raise DependencyError("the database is locked")

    fleet.store.before = fail
    kept = Kept(fleet, fleet.recorded())
    kept.running()
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)


def test_a_single_host_is_not_named_twice():
    fleet = LoadFleet("local")
    fleet.fail("local", "start_load", StateError("local has no memory for it"))
    over = ended(fleet, Kept(fleet, fleet.recorded()), LoadEnd.FAILED)
    assert over.ending.words == "local has no memory for it"


def test_hosts_that_are_still_starting_are_broken_off_when_one_refuses(fleet):
    starting = fleet.delay(HOSTS[0])

    def refuse_later(verb, _arguments):
        if verb == "start_load":
            assert starting.wait(30)
            raise StateError("too many processes")

    fleet.hosts[HOSTS[2]].before = refuse_later
    assert "too many" in ended(fleet, Kept(fleet, fleet.recorded()), LoadEnd.FAILED).ending.words


def test_a_stop_breaks_off_what_is_still_starting_and_says_what_stood(fleet):
    starting = fleet.delay(HOSTS[0])
    kept = Kept(fleet, fleet.recorded())
    assert starting.wait(30)
    found = kept.until(lambda run: len(run.hosts) == 2)
    assert found.state is LoadState.STARTING
    assert (found.requested, found.achieved) == (3 * PROCESSES, 2 * PROCESSES)
    fleet.store.request_stop(found.id, "enough")
    assert ended(fleet, kept, LoadEnd.STOPPED).started_at is None


def test_a_generator_that_ends_by_itself_ends_the_run(fleet):
    kept = Kept(fleet, fleet.recorded())
    kept.running()
    fleet.fakes[HOSTS[1]].load_status = LoadStatus(PROCESSES, 0, PROCESSES, error="it was killed")
    over = ended(fleet, kept, LoadEnd.FAILED)
    assert over.ending.words == f"{HOSTS[1]}: it was killed"
    assert isinstance(over.ending.fault(), DependencyError)


def test_a_host_that_says_nothing_any_more_ends_the_run(fleet, monkeypatch):
    monkeypatch.setattr(keeping, "SILENCE", timedelta(seconds=0.3))
    ages = itertools.count()

    def reports(*targets: str) -> None:
        age = float(next(ages))
        for target in targets:
            fleet.fakes[target].load_status = LoadStatus(PROCESSES, PROCESSES, PROCESSES, elapsed_seconds=age)

    def report_on_two() -> LoadEnding | None:
        reports(HOSTS[0], HOSTS[2])
        return kept.now().ending

    reports(*HOSTS)
    kept = Kept(fleet, fleet.recorded())
    assert kept.running().state is LoadState.RUNNING
    eventually(report_on_two, what="its end")
    over = ended(fleet, kept, LoadEnd.FAILED)
    assert over.ending.words.startswith(f"{HOSTS[1]}: it has said nothing for")


def test_what_nobody_foresaw_is_the_developers_and_leaves_nothing(fleet):
    fleet.fail(HOSTS[0], "start_load", TypeError("no such thing"))
    over = ended(fleet, Kept(fleet, fleet.recorded()), LoadEnd.FAILED)
    assert over.ending.words == f"{HOSTS[0]}: TypeError: no such thing"
    assert over.ending.actor == PhoenixError.actor
    assert type(over.ending.fault()) is PhoenixError


def test_what_outlives_its_session_is_cleared(fleet):
    run = fleet.recorded()
    kept = Kept(fleet, run)
    kept.running()
    fleet.fakes[HOSTS[2]]._sessions.append((run.id, "load"))
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)


def test_a_silent_host_keeps_it_from_being_over_and_the_others_are_clean(fleet):
    kept = Kept(fleet, fleet.recorded())
    run = kept.running()
    fleet.silence(HOSTS[1])
    kept.call.end("enough")
    left = kept.result()
    assert (left.state, left.driver) == (LoadState.ENDING, None)
    assert left.ending.why is LoadEnd.STOPPED
    assert left.left == {HOSTS[1]: "the host does not answer"}
    assert set(fleet.loaded(run.id)) <= {HOSTS[1]}


def test_the_reason_is_written_before_anything_is_ended(fleet):
    kept = Kept(fleet, fleet.recorded())
    run = kept.running()
    seen = []

    def look(verb, _arguments):
        if verb == "end":
            seen.append(fleet.loaded(run.id))

    fleet.store.before = look
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)
    assert seen == [list(HOSTS)]


def test_a_run_that_somebody_else_took_over_ends_here_and_is_left_to_them(fleet):
    kept = Kept(fleet, fleet.recorded())
    run = kept.running()
    taken = fleet.ledger.claim(run.id, OTHER, instead_of=KEEPER)
    with pytest.raises(TakenOverError):
        kept.result()
    assert fleet.loaded(run.id) == []
    now = fleet.ledger.get(run.id)
    assert (now.state, now.driver, now.ending) == (LoadState.RUNNING, OTHER, None)
    assert taken.driver == OTHER


def test_a_store_that_fails_for_a_moment_ends_nothing(fleet):
    kept = Kept(fleet, fleet.recorded())
    kept.running()
    failures = iter([True] * 20)
    gone = threading.Event()

    def fail(verb, _arguments):
        if verb == "update" and next(failures, False):
            raise DependencyError("the database is locked")
        if verb == "update":
            gone.set()

    fleet.store.before = fail
    assert gone.wait(30)
    assert kept.now().state is LoadState.RUNNING
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)


def test_a_store_that_is_gone_for_too_long_ends_it_everywhere(fleet, monkeypatch):
    monkeypatch.setattr(keeping, "STORE_PATIENCE", timedelta(seconds=0.2))
    kept = Kept(fleet, fleet.recorded())
    run = kept.running()

    def fail(_verb, _arguments):
        raise DependencyError("the database is gone")

    fleet.store.before = fail
    with pytest.raises(DependencyError, match="the database is gone"):
        kept.result()
    assert fleet.loaded(run.id) == []
    fleet.store.before = lambda _verb, _arguments: None
    fleet.living.remove(KEEPER)
    (repair,) = fleet.recovery.recover()
    assert repair.ended


def test_it_is_kept_though_its_starter_died(fleet):
    fleet.living.remove(STARTER)
    kept = Kept(fleet, fleet.recorded(driver=STARTER))
    assert kept.running().driver == KEEPER
    kept.call.end("enough")
    ended(fleet, kept, LoadEnd.STOPPED)


@pytest.mark.parametrize("case", ["driven", "load_over"])
def test_what_somebody_else_keeps_or_is_over_is_not_kept(fleet, case):
    for target in HOSTS:
        fleet.fail(target, "start_load", AssertionError("it was started"))
    fleet.living.add(OTHER)
    run = fleet.recorded(driver=OTHER if case == "driven" else None)
    if case == "load_over":
        fleet.recovery.end(run.id, "it was lost")
    before = fleet.ledger.get(run.id)
    with pytest.raises(StateError) as refused:
        Kept(fleet, run).result()
    assert refused.value.code == case
    assert fleet.ledger.get(run.id) == before


@contextmanager
def heard_by(call: Call, number: signal.Signals):
    before = signal.signal(number, lambda _number, _frame: call.end("it was told"))
    try:
        yield
    finally:
        signal.signal(number, before)


def test_a_signal_wakes_who_waits():
    call = Call()
    with heard_by(call, signal.SIGUSR1):
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        call.wait(60)
        assert call.words == "it was told"
    call.close()


def test_the_first_word_stands_and_a_thousand_calls_do_not_block():
    call = Call()
    for number in range(100_000):
        call.end(f"word {number}")
    assert call.words == "word 0"
    call.wait(60)
    call.close()


def test_it_is_woken_also_where_a_thousand_descriptors_are_open():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    call = Call()
    try:
        call.end("enough")
        call.wait(30)
        assert call.words == "enough"
    finally:
        call.close()
        for fd in many:
            os.close(fd)
