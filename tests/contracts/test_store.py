"""The contract of `ExperimentStore`, over the fake and over the real one on each database."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from sqlalchemy import Engine

from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.errors import StateError
from phoenix.domain.metrics import Metric
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, EventKind, ExperimentRecord
from phoenix.domain.samples import ArmSample, ProcessIdentity, Scrape, Variant
from tests.fakes.store import FakeExperimentStore
from tests.support.clocks import START, Clock


@pytest.fixture
def store(database: Engine | None, clock: Clock) -> ExperimentStore:
    return FakeExperimentStore(now=clock) if database is None else SqlExperimentStore(database, now=clock)


def a_record(
    identifier: str = "exp-aaaaaaaa", name: str = "topk-on-web", **fields: object
) -> ExperimentRecord:
    plain = ExperimentRecord(identifier, name, {"spec": {"alpha": 0.05}}, Phase.PENDING, Outcome.NONE, START)
    return replace(plain, **fields)


def a_scrape(number: int = 1, host: str = "local", series: float = 812.0) -> Scrape:
    baseline = ArmSample(
        values={Metric.SERIES: series, Metric.COLLECTOR_CPU_CORES: 0.1 + 0.2},
        critical=3,
        missed=(ProcessIdentity("n\udce9ginx\x00", 42),),
        cpu_seconds=1.5,
        throttled_periods=0,
    )
    return Scrape(number, host, 5.0 * number, 1.77e9, baseline, None, ("^java$",))


@pytest.fixture
def experiment(store: ExperimentStore) -> str:
    store.create(a_record())
    return "exp-aaaaaaaa"


def test_a_new_record_comes_back_as_it_was(store: ExperimentStore):
    record = a_record(
        document={"z": 1, "a": [1, 2.5, None, "é\x00"], "n": {"deep": True}},
        result={"verdict": "PROMOTE", "ratio": 0.1 + 0.2},
        error="boom",
        driver=Driver("boot-1", 4_194_304, 2**40),
        heartbeat_at=START + timedelta(microseconds=1),
        stop_requested="tired",
        started_at=START,
        finished_at=START,
        findings=({"path": "spec.alpha", "severity": "warning"},),
    )
    store.create(record)
    assert store.get(record.id) == record
    assert list(store.get(record.id).document) == ["z", "a", "n"]


def test_moments_come_back_in_utc(store: ExperimentStore):
    store.create(a_record(created_at=START.astimezone(timezone(timedelta(hours=5)))))
    kept = store.get("exp-aaaaaaaa").created_at
    assert kept == START
    assert kept.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(store: ExperimentStore):
    with pytest.raises(ValueError, match="time zone"):
        store.create(a_record(created_at=START.replace(tzinfo=None)))


def test_an_id_is_taken_once(store: ExperimentStore, experiment: str):
    with pytest.raises(StateError) as caught:
        store.create(a_record(name="other"))
    assert caught.value.code == "duplicate_experiment"
    assert store.get(experiment).name == "topk-on-web"


def test_a_name_means_its_newest_experiment_and_an_id_wins_over_a_name(store: ExperimentStore):
    store.create(a_record("exp-new", created_at=START + timedelta(hours=1)))
    store.create(a_record("exp-old"))
    store.create(a_record("exp-odd", name="exp-old", created_at=START + timedelta(hours=2)))
    assert store.get("topk-on-web").id == "exp-new"
    assert store.get("exp-old").id == "exp-old"


def test_of_one_moment_the_later_created_is_the_newer(store: ExperimentStore):
    for identifier in ("exp-c", "exp-a", "exp-b"):
        store.create(a_record(identifier))
    assert store.get("topk-on-web").id == "exp-b"
    assert [record.id for record in store.list()] == ["exp-b", "exp-a", "exp-c"]


def test_an_unknown_name_is_refused_with_what_is_near(store: ExperimentStore, experiment: str):
    with pytest.raises(StateError) as caught:
        store.get("topk-on-wb")
    assert caught.value.code == "unknown_experiment"
    assert "topk-on-web" in caught.value.message
    assert caught.value.hint == "phoenix experiment list"


def test_list_is_newest_first_and_limited(store: ExperimentStore):
    for number in range(5):
        store.create(a_record(f"exp-{number}", created_at=START + timedelta(minutes=number)))
    assert [record.id for record in store.list(limit=2)] == ["exp-4", "exp-3"]


def test_pages_stay_where_they_are_whatever_is_created_meanwhile(store: ExperimentStore):
    for number in range(7):
        store.create(a_record(f"exp-{number:08}", name=f"run-{number % 2}"))
    seen: list[str] = []
    page = store.page(limit=3)
    while True:
        seen += [record.id for record in page.records]
        store.create(a_record(f"exp-new{len(seen):05}"))
        if page.following is None:
            break
        page = store.page(limit=3, before=page.following)
    assert seen == [f"exp-{number:08}" for number in reversed(range(7))]


def test_a_page_holds_only_what_was_asked_for(store: ExperimentStore):
    for number in range(6):
        store.create(a_record(f"exp-{number:08}", name=f"run-{number % 2}"))
    store.enter("exp-00000001", Phase.VALIDATING)
    store.enter("exp-00000003", Phase.MEASURING)
    named = store.page(limit=2, name="run-1")
    assert [record.id for record in named.records] == ["exp-00000005", "exp-00000003"]
    rest = store.page(limit=2, name="run-1", before=named.following)
    assert ([record.id for record in rest.records], rest.following) == (["exp-00000001"], None)
    moving = store.page(limit=9, phases=(Phase.VALIDATING, Phase.MEASURING))
    assert [record.id for record in moving.records] == ["exp-00000003", "exp-00000001"]


def test_the_feed_of_all_ledgers_goes_on_behind_a_cursor(store: ExperimentStore):
    assert (store.newest_event(), store.feed(after=0)) == (0, ())
    for number in range(3):
        store.create(a_record(f"exp-{number:08}"))
    written = [
        store.append(f"exp-{number % 3:08}", EventKind.NOTE, f"note-{number}", {}) for number in range(9)
    ]
    assert written == sorted(written)
    first = store.feed(after=0, limit=4)
    rest = store.feed(after=first[-1].sequence)
    assert [event.sequence for event in (*first, *rest)] == written
    assert store.newest_event() == written[-1]
    assert store.feed(after=written[-1]) == ()
    assert [store.newest_event(f"exp-{number:08}") for number in range(3)] == written[-3:]
    assert store.newest_event("exp-nowhere") == 0


def test_a_reader_of_the_feed_misses_nothing_that_many_write_at_once(store: ExperimentStore):
    writers, each = 6, 15
    for number in range(writers):
        store.create(a_record(f"exp-{number:08}"))
    seen: list[tuple[str, str]] = []

    def write(number: int) -> None:
        for turn in range(each):
            store.append(f"exp-{number:08}", EventKind.NOTE, f"{turn}", {})

    with ThreadPoolExecutor(writers) as pool:
        busy = [pool.submit(write, number) for number in range(writers)]
        cursor = 0
        while len(seen) < writers * each:
            is_over = all(task.done() for task in busy)
            found = store.feed(after=cursor, limit=7)
            seen += [(event.experiment, event.step) for event in found]
            cursor = found[-1].sequence if found else cursor
            assert found or not is_over, f"{len(seen)} of {writers * each} seen, the rest was skipped"
    assert len(set(seen)) == writers * each


def test_a_watch_wakes_when_something_is_written_and_waits_while_nothing_is(
    store: ExperimentStore, experiment: str
):
    watch = store.watch()
    watch.wait(0.1)
    watch.wait(0.1)
    began = time.monotonic()
    watch.wait(0.3)
    assert time.monotonic() - began >= 0.29
    with ThreadPoolExecutor(1) as pool:
        for turn in range(5):
            waiting = pool.submit(watch.wait, 20)
            store.append(experiment, EventKind.NOTE, f"{turn}", {})
            waiting.result(10)
    watch.close()


def test_a_watch_can_be_closed_under_who_waits(store: ExperimentStore):
    with ThreadPoolExecutor(1) as pool:
        for _ in range(30):
            watch = store.watch()
            watch.wait(0)
            waiting = pool.submit(watch.wait, 0.05)
            time.sleep(0.005)
            watch.close()
            waiting.result(10)
            watch.wait(0.05)


def test_unfinished_leaves_out_every_ending(store: ExperimentStore):
    for phase in Phase:
        store.create(a_record(f"exp-{phase}", phase=phase))
    found = {record.phase for record in store.unfinished()}
    assert found == {phase for phase in Phase if not phase.is_over}


USES: dict[str, Callable[[ExperimentStore], object]] = {
    "get": lambda store: store.get("exp-none"),
    "enter": lambda store: store.enter("exp-none", Phase.VALIDATING),
    "append": lambda store: store.append("exp-none", EventKind.NOTE, "x", {}),
    "events": lambda store: store.events("exp-none"),
    "request_stop": lambda store: store.request_stop("exp-none", "x"),
    "drive": lambda store: store.drive("exp-none", None),
    "claim": lambda store: store.claim("exp-none", Driver("boot", 1, 1), instead_of=None),
    "beat": lambda store: store.beat("exp-none"),
    "save_result": lambda store: store.save_result("exp-none", {}),
    "finish": lambda store: store.finish("exp-none", Phase.FAILED, Outcome.NONE, "x"),
    "add_scrapes": lambda store: store.add_scrapes("exp-none", [a_scrape()]),
    "scrapes": lambda store: store.scrapes("exp-none"),
}


@pytest.mark.parametrize("verb", USES)
def test_every_verb_refuses_an_unknown_experiment(store: ExperimentStore, verb: str):
    with pytest.raises(StateError) as caught:
        USES[verb](store)
    assert caught.value.code == "unknown_experiment"


def test_delete_takes_ledger_and_scrapes_along_and_twice_is_once(store: ExperimentStore, experiment: str):
    last = store.append(experiment, EventKind.NOTE, "x", {})
    store.add_scrapes(experiment, [a_scrape()])
    store.delete(experiment)
    store.delete(experiment)
    store.create(a_record())
    assert (store.events(experiment), store.scrapes(experiment)) == ((), ())
    assert store.append(experiment, EventKind.NOTE, "x", {}) > last, (
        "a cursor would skip a sequence used twice"
    )


def test_entering_a_phase_is_recorded_and_written_to_the_ledger(store: ExperimentStore, experiment: str):
    store.enter(experiment, Phase.VALIDATING)
    store.enter(experiment, Phase.DEPLOYING)
    record = store.get(experiment)
    assert (record.phase, record.started_at) == (Phase.DEPLOYING, START + timedelta(seconds=1))
    steps = [(event.kind, event.step, event.at) for event in store.events(experiment)]
    assert steps == [
        (EventKind.PHASE, "validating", START + timedelta(seconds=1)),
        (EventKind.PHASE, "deploying", START + timedelta(seconds=2)),
    ]


def test_entering_the_same_phase_twice_is_once(store: ExperimentStore, experiment: str):
    store.enter(experiment, Phase.VALIDATING)
    store.enter(experiment, Phase.VALIDATING)
    assert len(store.events(experiment)) == 1


def test_endings_are_finished_and_other_phases_entered(store: ExperimentStore, experiment: str):
    with pytest.raises(ValueError, match="finish"):
        store.enter(experiment, Phase.COMPLETED)
    with pytest.raises(ValueError, match="enter"):
        store.finish(experiment, Phase.MEASURING, Outcome.NONE, "")


def test_finishing_closes_the_record(store: ExperimentStore, experiment: str):
    store.drive(experiment, Driver("boot-1", 7, 70))
    store.finish(experiment, Phase.FAILED, Outcome.NONE, "died: \udcff\x00")
    record = store.get(experiment)
    assert (record.phase, record.outcome, record.driver) == (Phase.FAILED, Outcome.NONE, None)
    assert record.error == "died: \\udcff\\x00"
    assert record.finished_at == START + timedelta(seconds=2)
    (event,) = store.events(experiment)
    assert (event.kind, event.step) == (EventKind.PHASE, "failed")
    assert event.data == {"outcome": "none", "error": record.error}


def test_the_same_ending_twice_is_one_and_another_is_refused(store: ExperimentStore, experiment: str):
    for _ in range(2):
        store.finish(experiment, Phase.STOPPED, Outcome.STOPPED, "asked")
    assert len(store.events(experiment)) == 1
    with pytest.raises(StateError) as caught:
        store.finish(experiment, Phase.COMPLETED, Outcome.PROMOTED, "")
    assert caught.value.code == "experiment_over"
    assert store.get(experiment).phase is Phase.STOPPED


ENDINGS = [
    (phase, outcome)
    for phase in (Phase.COMPLETED, Phase.STOPPED, Phase.FAILED)
    for outcome in (Outcome.REPORTED, Outcome.ROLLED_BACK, Outcome.PROMOTED)
    if (phase, outcome) not in {(Phase.COMPLETED, Outcome.REPORTED), (Phase.COMPLETED, Outcome.PROMOTED)}
]


@pytest.mark.parametrize(("phase", "outcome"), ENDINGS)
def test_nothing_revives_an_experiment_that_is_over(
    store: ExperimentStore, experiment: str, phase: Phase, outcome: Outcome
):
    store.finish(experiment, phase, outcome, "")
    for to in Phase:
        if not to.is_over:
            with pytest.raises(StateError):
                store.enter(experiment, to)
    assert (store.get(experiment).phase, len(store.events(experiment))) == (phase, 1)


def test_a_reported_experiment_may_be_promoted_later_and_ends_again(store: ExperimentStore, experiment: str):
    store.finish(experiment, Phase.COMPLETED, Outcome.REPORTED, "")
    for to in (Phase.PENDING, Phase.DEPLOYING, Phase.MEASURING):
        with pytest.raises(StateError):
            store.enter(experiment, to)
    for to in (Phase.PROMOTING, Phase.WATCHING, Phase.CLEANING_UP):
        store.enter(experiment, to)
        assert store.get(experiment).finished_at is None
    store.finish(experiment, Phase.COMPLETED, Outcome.PROMOTED, "")
    record = store.get(experiment)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.PROMOTED)
    assert record.finished_at is not None


def test_a_promoted_experiment_may_be_rolled_back_later_and_ends_again(
    store: ExperimentStore, experiment: str
):
    store.finish(experiment, Phase.COMPLETED, Outcome.PROMOTED, "")
    for to in Phase:
        if not to.is_over and to is not Phase.ROLLING_BACK:
            with pytest.raises(StateError):
                store.enter(experiment, to)
    for to in (Phase.ROLLING_BACK, Phase.CLEANING_UP):
        store.enter(experiment, to)
    store.finish(experiment, Phase.COMPLETED, Outcome.REVERTED, "")
    record = store.get(experiment)
    assert (record.phase, record.outcome) == (Phase.COMPLETED, Outcome.REVERTED)


def test_the_ledger_keeps_order_kind_and_facts(store: ExperimentStore, experiment: str):
    store.create(a_record("exp-other"))
    facts = {"pid": 12, "paths": ("a", "b"), "deep": {"none": None, "pi": 3.14}}
    first = store.append(experiment, EventKind.INTENT, "deploy:candidate@local", facts)
    store.append("exp-other", EventKind.NOTE, "elsewhere", {})
    last = store.append(experiment, EventKind.DONE, "deploy:candidate@local", {})
    events = store.events(experiment)
    assert [(event.sequence, event.kind) for event in events] == [
        (first, EventKind.INTENT),
        (last, EventKind.DONE),
    ]
    assert first < last
    assert events[0].data == {**facts, "paths": ["a", "b"]}
    assert events[0].at.utcoffset() == timedelta(0)
    assert store.events(experiment, after=first) == events[1:]
    assert store.events(experiment, after=last) == ()


@pytest.mark.parametrize("fact", [object(), float("nan"), float("inf")])
def test_facts_that_json_cannot_hold_are_refused_and_write_nothing(
    store: ExperimentStore, experiment: str, fact: object
):
    with pytest.raises((TypeError, ValueError)):
        store.append(experiment, EventKind.NOTE, "x", {"fact": fact})
    assert store.events(experiment) == ()


def test_the_first_stop_request_stands(store: ExperimentStore, experiment: str):
    store.request_stop(experiment, "Ctrl+C")
    store.request_stop(experiment, "again")
    assert store.beat(experiment).stop_requested == "Ctrl+C"
    (event,) = store.events(experiment)
    assert (event.kind, event.data) == (EventKind.STOP_REQUESTED, {"reason": "Ctrl+C"})


def test_what_is_over_is_not_asked_to_stop(store: ExperimentStore, experiment: str):
    store.finish(experiment, Phase.COMPLETED, Outcome.REPORTED, "")
    store.request_stop(experiment, "too late")
    assert store.get(experiment).stop_requested is None
    assert len(store.events(experiment)) == 1


def test_a_later_promotion_does_not_find_an_earlier_stop(store: ExperimentStore, experiment: str):
    store.request_stop(experiment, "not now")
    store.finish(experiment, Phase.COMPLETED, Outcome.REPORTED, "")
    store.enter(experiment, Phase.PROMOTING)
    assert store.beat(experiment).stop_requested is None


def test_a_driver_is_named_beats_and_leaves(store: ExperimentStore, experiment: str):
    driver = Driver("boot-1", 4242, 123456789)
    store.drive(experiment, driver)
    assert (store.get(experiment).driver, store.get(experiment).heartbeat_at) == (
        driver,
        START + timedelta(seconds=1),
    )
    assert store.beat(experiment).heartbeat_at == START + timedelta(seconds=2)
    store.drive(experiment, None)
    assert store.get(experiment).driver is None
    assert store.get(experiment).heartbeat_at == START + timedelta(seconds=2)


def test_of_two_claims_one_wins(store: ExperimentStore, experiment: str):
    first, second = Driver("boot-1", 1, 10), Driver("boot-1", 2, 20)
    store.claim(experiment, first, instead_of=None)
    with pytest.raises(StateError) as refused:
        store.claim(experiment, second, instead_of=None)
    assert refused.value.code == "driven"
    store.claim(experiment, second, instead_of=first)
    assert store.get(experiment).driver == second


def test_a_result_is_replaced(store: ExperimentStore, experiment: str):
    store.save_result(experiment, {"n": 24})
    store.save_result(experiment, {"n": 25, "intervals": [[0.1, 0.2]]})
    assert store.get(experiment).result == {"n": 25, "intervals": [[0.1, 0.2]]}


def test_scrapes_come_back_exactly_by_number_then_host(store: ExperimentStore, experiment: str):
    given = [a_scrape(10), a_scrape(2, "web-2"), a_scrape(2, "web-1")]
    store.add_scrapes(experiment, given)
    store.add_scrapes(experiment, ())
    assert store.scrapes(experiment) == (given[2], given[1], given[0])
    assert store.scrapes(experiment, after=2) == (given[0],)
    assert store.scrapes(experiment, after=10) == ()


def test_a_part_of_the_scrapes_is_what_lies_between_two_numbers(store: ExperimentStore, experiment: str):
    store.add_scrapes(experiment, [a_scrape(number, host) for number in range(1, 6) for host in ("a", "b")])
    part = store.scrapes(experiment, after=1, to=3)
    assert [(scrape.number, scrape.host) for scrape in part] == [(2, "a"), (2, "b"), (3, "a"), (3, "b")]


def test_a_reading_has_of_a_scrape_what_a_chart_shows(store: ExperimentStore, experiment: str):
    scrapes = [a_scrape(number) for number in range(1, 5)]
    store.add_scrapes(experiment, scrapes)
    found = store.readings(experiment, after=1, to=3)
    assert [reading.number for reading in found] == [2, 3]
    for reading, scrape in zip(found, scrapes[1:3], strict=True):
        assert (reading.host, reading.at_seconds, reading.wall_seconds) == (
            scrape.host,
            scrape.at_seconds,
            scrape.wall_seconds,
        )
        assert scrape.baseline is not None
        assert reading.values == {Variant.BASELINE: scrape.baseline.values, Variant.CANDIDATE: {}}
    with pytest.raises(StateError):
        store.readings("exp-nowhere")


def test_the_same_scrape_twice_is_once(store: ExperimentStore, experiment: str):
    store.add_scrapes(experiment, [a_scrape(), a_scrape()])
    store.add_scrapes(experiment, [a_scrape(), a_scrape(2)])
    assert store.scrapes(experiment) == (a_scrape(), a_scrape(2))


@pytest.mark.parametrize("before", [0, 1])
def test_another_scrape_of_that_number_and_host_is_refused_whole(
    store: ExperimentStore, experiment: str, before: int
):
    recorded = (a_scrape(),) * before
    store.add_scrapes(experiment, recorded)
    with pytest.raises(StateError) as caught:
        store.add_scrapes(experiment, [a_scrape(3), a_scrape(), a_scrape(series=1.0)])
    assert caught.value.code == "different_scrape"
    assert store.scrapes(experiment) == recorded


def test_a_value_that_is_not_finite_is_refused(store: ExperimentStore, experiment: str):
    with pytest.raises(ValueError, match="series"):
        store.add_scrapes(experiment, [a_scrape(series=float("nan"))])
    assert store.scrapes(experiment) == ()
