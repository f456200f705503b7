"""The contract of `LoadRunStore`, over the fake and over the real one on each database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import timedelta, timezone
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from phoenix.adapters.store.loads import SqlLoadRunStore
from phoenix.adapters.stores import LoadRunStore
from phoenix.domain.errors import StateError
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadRun, LoadState, LoadStatus
from phoenix.domain.record import Driver
from tests.fakes.loads import FakeLoadRunStore
from tests.support.clocks import START, Clock

KEEPER = Driver("here/1/boot", 100, 5)
OTHER = Driver("here/1/boot", 200, 7)
HALF = LoadStatus(requested=120, achieved=60, spawned=60)
WHOLE = LoadStatus(
    requested=120,
    achieved=120,
    spawned=300,
    active=130,
    requested_rate=25.0,
    achieved_rate=24.9,
    exited=170,
    restarts=3,
    died=1,
    lateness_p50=0.0002,
    lateness_p99=0.0015,
    cpu_cores=0.1 + 0.2,
    memory_bytes=2**40,
    agent_cpu_seconds=1.5,
    elapsed_seconds=60.0,
    contained_by="pid namespace",
    capped=("processes", "memory"),
    metrics_url="http://127.0.0.1:9100/metrics",
    error="",
)
STOPPED = LoadEnding(LoadEnd.STOPPED, "asked for on the command line")
REFUSED = LoadEnding(LoadEnd.FAILED, "too many", "ask for fewer", "pids_max", "operator")

OVER = {"state": LoadState.ENDED, "ending": STOPPED}


@pytest.fixture
def store(database: Engine | None, clock: Clock) -> LoadRunStore:
    return FakeLoadRunStore(now=clock) if database is None else SqlLoadRunStore(database, now=clock)


def a_run(load: str = "load-aaaaaaaa", name: str = "evening", **changes: object) -> LoadRun:
    run = LoadRun(
        id=load,
        name=name,
        experiment="",
        profile="realistic",
        targets=("local", "ssh://ops@web-1"),
        request={"seed": 2**62, "patterns": [{"name": "svc-{n}", "count": 3}], "metrics_port": None},
        state=LoadState.STARTING,
        created_at=START,
        deadline=START + timedelta(minutes=30),
        driver=OTHER,
    )
    return replace(run, **changes)


def test_a_run_comes_back_as_it_was(store: LoadRunStore):
    run = a_run(
        experiment="exp-12345678",
        state=LoadState.ENDED,
        hosts={"local": WHOLE, "ssh://ops@web-1": HALF},
        ending=REFUSED,
        left={"ssh://ops@web-1": "it does not answer"},
        heartbeat_at=START,
        stop_requested="enough",
        started_at=START + timedelta(seconds=1),
        ended_at=START + timedelta(seconds=9),
    )
    assert all(getattr(run, field.name) is not None for field in fields(run))
    store.create(run)
    assert store.get(run.id) == run
    assert store.list() == (run,)


def test_moments_come_back_in_utc_and_need_a_zone(store: LoadRunStore):
    elsewhere = START.astimezone(timezone(timedelta(hours=5)))
    store.create(a_run(created_at=elsewhere))
    assert store.get("evening").created_at.utcoffset() == timedelta(0)
    assert store.get("evening").created_at == START
    with pytest.raises(ValueError, match="time zone"):
        store.create(a_run("load-b", created_at=START.replace(tzinfo=None)))
    with pytest.raises(ValueError, match="time zone"):
        store.running("load-aaaaaaaa", START.replace(tzinfo=None))


def test_an_id_is_given_once(store: LoadRunStore):
    store.create(a_run())
    with pytest.raises(StateError) as caught:
        store.create(a_run(name="other"))
    assert caught.value.code == "duplicate_load_run"
    assert store.list() == (a_run(),)


def test_of_all_that_are_not_over_one_has_a_name(store: LoadRunStore):
    """Whoever asks at once: `stop NAME` would mean one of two."""

    def create(load: str) -> bool:
        try:
            store.create(a_run(load))
        except StateError as fault:
            return fault.code != "name_taken"
        return True

    with ThreadPoolExecutor(4) as pool:
        for number in range(5):
            won = list(pool.map(create, (f"load-{number}-{letter}" for letter in "abcd")))
            assert sorted(won) == [False, False, False, True]
            winner = store.get("evening").id
            store.end(winner, STOPPED)
            store.finish(winner)


def test_a_name_means_its_newest_run_and_an_id_goes_before(store: LoadRunStore):
    store.create(a_run("load-1", "evening", created_at=START + timedelta(seconds=5), **OVER))
    store.create(a_run("load-2", "evening", created_at=START + timedelta(seconds=9)))
    store.create(a_run("load-3", "evening", created_at=START, **OVER))
    store.create(a_run("load-4", "load-1", created_at=START + timedelta(seconds=20)))
    assert store.get("evening").id == "load-2"
    assert store.get("load-1").id == "load-1"
    assert [run.id for run in store.list()] == ["load-4", "load-2", "load-1", "load-3"]
    assert [run.id for run in store.list(limit=2)] == ["load-4", "load-2"]


def test_of_two_of_the_same_moment_the_later_one_is_newer(store: LoadRunStore):
    for load in ("load-b", "load-a", "load-c"):
        store.create(a_run(load, **OVER))
    assert store.get("evening").id == "load-c"
    assert [run.id for run in store.list()] == ["load-c", "load-a", "load-b"]


def test_an_unknown_one_is_refused_with_what_is_near(store: LoadRunStore):
    store.create(a_run(name="evening"))
    with pytest.raises(StateError) as caught:
        store.get("evenig")
    assert caught.value.code == "unknown_load_run"
    assert "'evening'" in caught.value.message
    assert caught.value.hint == "phoenix loadsim status"


USES: dict[str, Callable[[LoadRunStore], object]] = {
    "get": lambda store: store.get("load-none"),
    "claim": lambda store: store.claim("load-none", KEEPER, instead_of=None),
    "release": lambda store: store.release("load-none", {}),
    "update": lambda store: store.update("load-none", {}),
    "running": lambda store: store.running("load-none", START),
    "request_stop": lambda store: store.request_stop("load-none", "x"),
    "end": lambda store: store.end("load-none", STOPPED),
    "finish": lambda store: store.finish("load-none"),
}


@pytest.mark.parametrize("verb", USES)
def test_every_verb_refuses_an_unknown_run(store: LoadRunStore, verb: str):
    with pytest.raises(StateError) as caught:
        USES[verb](store)
    assert caught.value.code == "unknown_load_run"


@pytest.mark.parametrize("verb", ["claim", "release", "update", "running", "request_stop", "end", "finish"])
def test_a_verb_takes_an_id_and_no_name(store: LoadRunStore, verb: str):
    store.create(a_run(name="load-none"))
    with pytest.raises(StateError):
        USES[verb](store)
    assert store.get("load-aaaaaaaa") == a_run(name="load-none")


def test_only_one_claims_instead_of_the_driver_it_saw(store: LoadRunStore):
    store.create(a_run())
    claimed = store.claim("load-aaaaaaaa", KEEPER, instead_of=OTHER)
    assert claimed == store.get("evening")
    assert claimed.driver == KEEPER
    assert claimed.heartbeat_at is not None
    for instead_of in (OTHER, None):
        with pytest.raises(StateError) as caught:
            store.claim("load-aaaaaaaa", OTHER, instead_of=instead_of)
        assert caught.value.code == "driven"
    assert store.get("evening") == claimed


def test_two_that_claim_at_once_do_not_both_get_it(store: LoadRunStore):
    at_once = Barrier(2)
    drivers = (KEEPER, Driver("here/1/boot", 300, 9))

    def claim(load: str, driver: Driver) -> bool:
        at_once.wait()
        try:
            store.claim(load, driver, instead_of=OTHER)
        except StateError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for number in range(10):
            load = f"load-{number}"
            store.create(a_run(load, load))
            won = list(pool.map(claim, (load, load), drivers))
            assert sorted(won) == [False, True]
            assert store.get(load).driver == drivers[won.index(True)]


def test_what_is_over_is_not_claimed(store: LoadRunStore):
    store.create(a_run(driver=None))
    store.end("load-aaaaaaaa", STOPPED)
    store.finish("load-aaaaaaaa")
    with pytest.raises(StateError) as caught:
        store.claim("load-aaaaaaaa", KEEPER, instead_of=None)
    assert caught.value.code == "load_over"


def test_a_release_is_for_the_next_one_to_claim(store: LoadRunStore):
    store.create(a_run())
    released = store.release("load-aaaaaaaa", {"local": "process 7\x00"})
    assert released == store.get("evening")
    assert (released.driver, released.left) == (None, {"local": "process 7\\x00"})
    assert store.claim("load-aaaaaaaa", KEEPER, instead_of=None).driver == KEEPER


def test_what_is_over_has_nothing_left(store: LoadRunStore):
    store.create(a_run())
    store.end("load-aaaaaaaa", STOPPED)
    store.release("load-aaaaaaaa", {"local": "process 7"})
    assert store.finish("load-aaaaaaaa").left == {}
    assert store.get("evening").left == {}


def test_an_update_beats_and_replaces_what_it_is_told_of_only(store: LoadRunStore):
    store.create(a_run())
    first = store.update("load-aaaaaaaa", {"local": HALF})
    assert first == store.get("evening")
    assert first.hosts == {"local": HALF}
    second = store.update("load-aaaaaaaa", {"ssh://ops@web-1": WHOLE})
    assert second.hosts == {"local": HALF, "ssh://ops@web-1": WHOLE}
    third = store.update("load-aaaaaaaa", {"local": WHOLE})
    assert third.hosts == {"local": WHOLE, "ssh://ops@web-1": WHOLE}
    assert (third.requested, third.achieved) == (240, 240)
    beats = [first.heartbeat_at, second.heartbeat_at, third.heartbeat_at]
    assert beats == sorted({beat for beat in beats if beat})


def test_an_update_returns_the_first_stop_request(store: LoadRunStore):
    store.create(a_run())
    assert store.update("load-aaaaaaaa", {}).stop_requested is None
    store.request_stop("load-aaaaaaaa", "")
    store.request_stop("load-aaaaaaaa", "again")
    assert store.update("load-aaaaaaaa", {}).stop_requested == ""


def test_it_runs_since_the_first_moment_that_was_told(store: LoadRunStore):
    store.create(a_run())
    store.running("load-aaaaaaaa", START)
    store.running("load-aaaaaaaa", START + timedelta(days=1))
    run = store.get("evening")
    assert (run.state, run.started_at) == (LoadState.RUNNING, START)


def test_the_first_ending_stands_and_nothing_goes_back(store: LoadRunStore):
    store.create(a_run())
    ending = store.end("load-aaaaaaaa", REFUSED)
    assert (ending.state, ending.ending, ending.ended_at) == (LoadState.ENDING, REFUSED, None)
    store.end("load-aaaaaaaa", STOPPED)
    store.running("load-aaaaaaaa", START)
    store.request_stop("load-aaaaaaaa", "late")
    assert store.get("evening") == ending
    assert store.unfinished() == (ending,)


def test_what_is_over_stays_as_it_is(store: LoadRunStore):
    store.create(a_run())
    store.update("load-aaaaaaaa", {"local": WHOLE})
    store.end("load-aaaaaaaa", STOPPED)
    over = store.finish("load-aaaaaaaa")
    assert (over.state, over.ending, over.driver) == (LoadState.ENDED, STOPPED, None)
    assert over.is_over
    assert over.ended_at is not None
    store.finish("load-aaaaaaaa")
    store.end("load-aaaaaaaa", REFUSED)
    store.running("load-aaaaaaaa", START)
    store.request_stop("load-aaaaaaaa", "late")
    store.release("load-aaaaaaaa", {"local": "process 7"})
    assert store.update("load-aaaaaaaa", {"local": HALF}) == over
    assert store.get("evening") == over
    assert store.unfinished() == ()


def test_nothing_is_over_before_somebody_said_why(store: LoadRunStore):
    store.create(a_run())
    with pytest.raises(ValueError, match="nobody said why"):
        store.finish("load-aaaaaaaa")
    assert store.get("evening") == a_run()


def test_unfinished_is_everything_but_what_is_over(store: LoadRunStore):
    for state in LoadState:
        ending = STOPPED if state in (LoadState.ENDING, LoadState.ENDED) else None
        store.create(a_run(f"load-{state}", state, state=state, ending=ending))
    found = {run.state for run in store.unfinished()}
    assert found == set(LoadState) - {LoadState.ENDED}


WORDS = st.text(max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reason=WORDS, error=WORDS, figure=st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_a_host_says_can_be_kept(store: LoadRunStore, reason: str, error: str, figure: float):
    load = f"load-{len(store.list(limit=1000))}"
    store.create(a_run(load, load))
    said = LoadStatus(1, 1, 1, cpu_cores=figure, error=f"{error}\x00\udcff")
    assert store.update(load, {"local": said}).hosts["local"].cpu_cores == figure
    store.request_stop(load, f"{reason}\x00")
    store.end(load, LoadEnding(LoadEnd.FAILED, f"{reason}\udcff", f"{error}\x00"))
    kept = store.get(load)
    assert kept.ending is not None
    assert kept.ending.words.endswith("\\udcff")
    assert "\x00" not in f"{kept.stop_requested}{kept.ending.hint}{kept.hosts['local'].error}"


@pytest.mark.parametrize("text", ["web\x00", "web\udcff"])
def test_a_name_that_would_come_back_otherwise_is_refused(store: LoadRunStore, text: str):
    for run in (a_run(name=text), a_run(targets=(text,)), a_run(hosts={text: HALF})):
        with pytest.raises(ValueError, match="as it is"):
            store.create(run)
    assert store.list() == ()
