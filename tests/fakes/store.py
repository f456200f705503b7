"""An `ExperimentStore` in memory, held to the contract suite of the real one (tests/contracts/test_store.py)."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock

from phoenix.adapters.store import rules
from phoenix.adapters.store.encoding import (
    as_utc,
    decode_reading,
    decode_scrape,
    encode_scrape,
    plain,
    storable,
)
from phoenix.adapters.stores import ExperimentStore, LedgerWatch, Page
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, Event, EventKind, ExperimentRecord
from phoenix.domain.samples import Reading, Scrape


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else as_utc(moment)


class _FakeWatch(LedgerWatch):
    def __init__(self, newest: Callable[[], int]) -> None:
        self._newest = newest
        self._seen = newest()

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (now := self._newest()) == self._seen and time.monotonic() < deadline:
            time.sleep(0.002)
        self._seen = now

    def close(self) -> None:
        pass


class FakeExperimentStore(ExperimentStore):
    """What is written passes through JSON, as it does in a database, so that a test sees what a reader would."""

    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = RLock()
        self._records: dict[str, ExperimentRecord] = {}
        self._numbers: dict[str, int] = {}
        self._events: list[Event] = []
        self._sequence = 0
        self._scrapes: dict[str, dict[tuple[int, str], dict[str, object]]] = {}

    def create(self, record: ExperimentRecord) -> None:
        kept = replace(
            record,
            document=plain(record.document),
            result=None if record.result is None else plain(record.result),
            findings=tuple(plain(finding) for finding in record.findings),
            error=storable(record.error),
            created_at=as_utc(record.created_at),
            started_at=_utc(record.started_at),
            finished_at=_utc(record.finished_at),
            heartbeat_at=_utc(record.heartbeat_at),
        )
        with self._lock:
            if record.id in self._records:
                raise rules.duplicate_experiment(record.id)
            self._records[record.id] = kept
            self._numbers[record.id] = len(self._numbers) + 1
            self._scrapes[record.id] = {}

    def get(self, reference: str) -> ExperimentRecord:
        with self._lock:
            named = (record for record in self._newest_first() if record.name == reference)
            found = self._records.get(reference) or next(named, None)
            if found is None:
                raise self._unknown(reference)
            return found

    def list(self, *, limit: int = 100) -> tuple[ExperimentRecord, ...]:
        with self._lock:
            return tuple(self._newest_first()[:limit])

    def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        phases: Collection[Phase] = (),
        name: str | None = None,
    ) -> Page:
        with self._lock:
            numbered = [
                (number, record)
                for experiment, number in reversed(self._numbers.items())
                if (record := self._records.get(experiment)) is not None
                and (before is None or number < before)
                and (not phases or record.phase in phases)
                and name in (None, record.name)
            ]
        shown = numbered[:limit]
        following = shown[-1][0] if shown and len(numbered) > limit else None
        return Page(tuple(record for _, record in shown), following)

    def unfinished(self) -> tuple[ExperimentRecord, ...]:
        with self._lock:
            return tuple(record for record in self._newest_first() if not record.phase.is_over)

    def delete(self, experiment: str) -> None:
        with self._lock:
            self._records.pop(experiment, None)
            self._scrapes.pop(experiment, None)
            self._events = [event for event in self._events if event.experiment != experiment]

    def enter(self, experiment: str, phase: Phase) -> None:
        with self._lock:
            record = self._record(experiment)
            rules.check_enter(experiment, record.phase, record.outcome, phase)
            if record.phase is phase:
                return
            now = self._now()
            started = record.started_at or (None if phase is Phase.PENDING else now)
            stop = None if record.phase.is_over else record.stop_requested
            self._change(experiment, phase=phase, started_at=started, finished_at=None, stop_requested=stop)
            self._write(experiment, EventKind.PHASE, phase, {}, now)

    def append(self, experiment: str, kind: EventKind, step: str, data: Mapping[str, object]) -> int:
        with self._lock:
            self._record(experiment)
            return self._write(experiment, kind, step, data, self._now())

    def events(self, experiment: str, *, after: int = 0) -> tuple[Event, ...]:
        with self._lock:
            self._record(experiment)
            return tuple(
                event for event in self._events if event.experiment == experiment and event.sequence > after
            )

    def feed(self, *, after: int, limit: int = 1000) -> tuple[Event, ...]:
        with self._lock:
            return tuple(event for event in self._events if event.sequence > after)[:limit]

    def watch(self) -> LedgerWatch:
        return _FakeWatch(self.newest_event)

    def newest_event(self, experiment: str | None = None) -> int:
        with self._lock:
            wanted = (event for event in self._events if experiment in (None, event.experiment))
            return max((event.sequence for event in wanted), default=0)

    def request_stop(self, experiment: str, reason: str) -> None:
        with self._lock:
            record = self._record(experiment)
            if record.stop_requested is None and not record.phase.is_over:
                self._change(experiment, stop_requested=storable(reason))
                facts = {"reason": storable(reason)}
                self._write(experiment, EventKind.STOP_REQUESTED, "stop", facts, self._now())

    def drive(self, experiment: str, driver: Driver | None) -> None:
        beat = {} if driver is None else {"heartbeat_at": self._now()}
        self._change(experiment, driver=driver, **beat)

    def claim(self, experiment: str, driver: Driver, *, instead_of: Driver | None) -> None:
        with self._lock:
            rules.check_claim(experiment, self.get(experiment).driver, instead_of)
            self._change(experiment, driver=driver, heartbeat_at=self._now())

    def beat(self, experiment: str) -> ExperimentRecord:
        return self._change(experiment, heartbeat_at=self._now())

    def save_result(self, experiment: str, result: Mapping[str, object]) -> None:
        self._change(experiment, result=plain(result))

    def finish(self, experiment: str, phase: Phase, outcome: Outcome, error: str) -> None:
        with self._lock:
            record = self._record(experiment)
            if rules.is_finished_already(experiment, (record.phase, record.outcome), (phase, outcome)):
                return
            now, why = self._now(), storable(error)
            self._change(experiment, phase=phase, outcome=outcome, error=why, finished_at=now, driver=None)
            self._write(experiment, EventKind.PHASE, phase, {"outcome": str(outcome), "error": why}, now)

    def add_scrapes(self, experiment: str, scrapes: Sequence[Scrape]) -> None:
        with self._lock:
            self._record(experiment)
            kept = dict(self._scrapes[experiment])
            for scrape in scrapes:
                body = plain(encode_scrape(scrape))
                if kept.setdefault((scrape.number, scrape.host), body) != body:
                    raise rules.different_scrape(experiment, scrape.number, scrape.host)
            self._scrapes[experiment] = kept

    def scrapes(self, experiment: str, *, after: int = 0, to: int | None = None) -> tuple[Scrape, ...]:
        return tuple(map(decode_scrape, self._bodies(experiment, after, to)))

    def readings(self, experiment: str, *, after: int = 0, to: int | None = None) -> tuple[Reading, ...]:
        return tuple(map(decode_reading, self._bodies(experiment, after, to)))

    def _bodies(self, experiment: str, after: int, to: int | None) -> Sequence[Mapping[str, object]]:
        with self._lock:
            self._record(experiment)
            kept = self._scrapes[experiment]
            return [kept[key] for key in sorted(kept) if after < key[0] and (to is None or key[0] <= to)]

    def _newest_first(self) -> Sequence[ExperimentRecord]:
        # Sorted stably and then turned: of two of the same moment, the one created later comes first.
        return sorted(self._records.values(), key=lambda record: record.created_at)[::-1]

    def _record(self, experiment: str) -> ExperimentRecord:
        if experiment not in self._records:
            raise self._unknown(experiment)
        return self._records[experiment]

    def _change(self, experiment: str, **fields: object) -> ExperimentRecord:
        with self._lock:
            self._records[experiment] = replace(self._record(experiment), **fields)
            return self._records[experiment]

    def _write(
        self, experiment: str, kind: EventKind, step: str, data: Mapping[str, object], at: datetime
    ) -> int:
        facts = plain(data)
        self._sequence += 1
        self._events.append(Event(self._sequence, experiment, kind, storable(step), facts, as_utc(at)))
        return self._sequence

    def _unknown(self, reference: str) -> Exception:
        known = (text for record in self._records.values() for text in (record.id, record.name))
        return rules.unknown_experiment(reference, known)
