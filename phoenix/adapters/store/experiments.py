"""`ExperimentStore` on a SQL database."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from phoenix.adapters.store import ledger_watch, rules
from phoenix.adapters.store.encoding import decode_reading, decode_scrape, encode_scrape, plain, storable
from phoenix.adapters.store.rows import driver_row, events_of, record_of, record_row
from phoenix.adapters.store.tables import EVENTS, EXPERIMENTS, SCRAPES
from phoenix.adapters.store.transactions import lock_ledger, reading, writing
from phoenix.adapters.stores import ExperimentStore, LedgerWatch, Page
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, Event, EventKind, ExperimentRecord
from phoenix.domain.samples import Reading, Scrape

_NEWEST_FIRST = (EXPERIMENTS.c.created_at.desc(), EXPERIMENTS.c.number.desc())


def utc_now() -> datetime:
    return datetime.now(UTC)


class SqlExperimentStore(ExperimentStore):
    """Experiments, their ledger and their scrapes in the database of `engine` (`engine.open_engine`).

    Whatever writes to the ledger does so alone, so that sequences are committed in ascending order and no reader's cursor
    skips one.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now

    def create(self, record: ExperimentRecord) -> None:
        row = record_row(record)
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(EXPERIMENTS).values(row))
        except IntegrityError as error:
            raise rules.duplicate_experiment(record.id) from error

    def get(self, reference: str) -> ExperimentRecord:
        with reading(self._engine) as connection:
            for column in (EXPERIMENTS.c.id, EXPERIMENTS.c.name):
                query = select(EXPERIMENTS).where(column == reference).order_by(*_NEWEST_FIRST).limit(1)
                row = connection.execute(query).mappings().first()
                if row is not None:
                    return record_of(row)
            raise _unknown(connection, reference)

    def list(self, *, limit: int = 100) -> tuple[ExperimentRecord, ...]:
        with reading(self._engine) as connection:
            rows = (
                connection.execute(select(EXPERIMENTS).order_by(*_NEWEST_FIRST).limit(limit)).mappings().all()
            )
        return tuple(record_of(row) for row in rows)

    def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        phases: Collection[Phase] = (),
        name: str | None = None,
    ) -> Page:
        query = select(EXPERIMENTS).order_by(EXPERIMENTS.c.number.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(EXPERIMENTS.c.number < before)
        if phases:
            query = query.where(EXPERIMENTS.c.phase.in_([str(phase) for phase in phases]))
        if name is not None:
            query = query.where(EXPERIMENTS.c.name == name)
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        shown = rows[:limit]
        following = int(shown[-1]["number"]) if shown and len(rows) > limit else None
        return Page(tuple(record_of(row) for row in shown), following)

    def unfinished(self) -> tuple[ExperimentRecord, ...]:
        over = [str(phase) for phase in Phase if phase.is_over]
        query = select(EXPERIMENTS).where(EXPERIMENTS.c.phase.not_in(over)).order_by(*_NEWEST_FIRST)
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(record_of(row) for row in rows)

    def delete(self, experiment: str) -> None:
        """Deleting what is not there is fine; the ledger and the scrapes go by ON DELETE CASCADE."""
        with writing(self._engine) as connection:
            connection.execute(delete(EXPERIMENTS).where(EXPERIMENTS.c.id == experiment))

    def enter(self, experiment: str, phase: Phase) -> None:
        """Entering the phase it is in changes nothing and writes nothing.

        A stop that was asked for before it was over does not bind its later promotion.

        Raises:
            StateError: The experiment is over, and this is not the later promotion of a reported one.
        """
        with writing(self._engine) as connection:
            row = _locked(connection, experiment)
            at = Phase(row["phase"])
            rules.check_enter(experiment, at, Outcome(row["outcome"]), phase)
            if at is phase:
                return
            now = self._now()
            started = row["started_at"] or (None if phase is Phase.PENDING else now)
            stop = None if at.is_over else row["stop_requested"]
            changes = {"started_at": started, "finished_at": None, "stop_requested": stop}
            _set(connection, experiment, phase=str(phase), **changes)
            _write(connection, experiment, EventKind.PHASE, phase, {}, at=now)

    def append(self, experiment: str, kind: EventKind, step: str, data: Mapping[str, object]) -> int:
        facts = plain(data)
        with writing(self._engine) as connection:
            _locked(connection, experiment)
            return _write(connection, experiment, kind, step, facts, at=self._now())

    def events(self, experiment: str, *, after: int = 0) -> tuple[Event, ...]:
        query = (
            select(EVENTS)
            .where(EVENTS.c.experiment == experiment, EVENTS.c.sequence > after)
            .order_by(EVENTS.c.sequence)
        )
        return events_of(self._belonging(experiment, query))

    def feed(self, *, after: int, limit: int = 1000) -> tuple[Event, ...]:
        query = select(EVENTS).where(EVENTS.c.sequence > after).order_by(EVENTS.c.sequence).limit(limit)
        with reading(self._engine) as connection:
            return events_of(connection.execute(query).mappings().all())

    def watch(self) -> LedgerWatch:
        return ledger_watch.watch_of(self._engine)

    def newest_event(self, experiment: str | None = None) -> int:
        query = select(func.max(EVENTS.c.sequence))
        if experiment is not None:
            query = query.where(EVENTS.c.experiment == experiment)
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def request_stop(self, experiment: str, reason: str) -> None:
        """Asking what is over to stop changes nothing: a later promotion must not find an old request."""
        with writing(self._engine) as connection:
            row = _locked(connection, experiment)
            if row["stop_requested"] is not None or Phase(row["phase"]).is_over:
                return
            _set(connection, experiment, stop_requested=storable(reason))
            facts = {"reason": storable(reason)}
            _write(connection, experiment, EventKind.STOP_REQUESTED, "stop", facts, at=self._now())

    def drive(self, experiment: str, driver: Driver | None) -> None:
        beat = {} if driver is None else {"heartbeat_at": self._now()}
        self._update(experiment, **driver_row(driver), **beat)

    def claim(self, experiment: str, driver: Driver, *, instead_of: Driver | None) -> None:
        with writing(self._engine) as connection:
            _locked(connection, experiment)
            query = select(EXPERIMENTS).where(EXPERIMENTS.c.id == experiment)
            present = record_of(connection.execute(query).mappings().one())
            rules.check_claim(experiment, present.driver, instead_of)
            _set(connection, experiment, **driver_row(driver), heartbeat_at=self._now())

    def beat(self, experiment: str) -> ExperimentRecord:
        with writing(self._engine) as connection:
            _set(connection, experiment, heartbeat_at=self._now())
            row = (
                connection.execute(select(EXPERIMENTS).where(EXPERIMENTS.c.id == experiment)).mappings().one()
            )
        return record_of(row)

    def save_result(self, experiment: str, result: Mapping[str, object]) -> None:
        self._update(experiment, result=plain(result))

    def finish(self, experiment: str, phase: Phase, outcome: Outcome, error: str) -> None:
        """The same ending twice is one; another ending of what is over is a StateError."""
        with writing(self._engine) as connection:
            row = _locked(connection, experiment)
            at = (Phase(row["phase"]), Outcome(row["outcome"]))
            if rules.is_finished_already(experiment, at, (phase, outcome)):
                return
            now, why = self._now(), storable(error)
            ending = {"phase": str(phase), "outcome": str(outcome), "error": why, "finished_at": now}
            _set(connection, experiment, **ending, **driver_row(None))
            facts = {"outcome": str(outcome), "error": why}
            _write(connection, experiment, EventKind.PHASE, phase, facts, at=now)

    def add_scrapes(self, experiment: str, scrapes: Sequence[Scrape]) -> None:
        """The same scrape twice is one; another one of that number and host is a StateError, and none is written."""
        given = _by_key(experiment, scrapes)
        with writing(self._engine) as connection:
            _locked(connection, experiment)
            known = _recorded(connection, experiment, given)
            for key in given.keys() & known.keys():
                if known[key] != given[key]:
                    raise rules.different_scrape(experiment, *key)
            new = [
                {"experiment": experiment, "number": number, "host": host, "body": encode_scrape(scrape)}
                for (number, host), scrape in given.items()
                if (number, host) not in known
            ]
            if new:
                connection.execute(insert(SCRAPES), new)

    def scrapes(self, experiment: str, *, after: int = 0, to: int | None = None) -> tuple[Scrape, ...]:
        return tuple(decode_scrape(body) for body in self._bodies(experiment, after, to))

    def readings(self, experiment: str, *, after: int = 0, to: int | None = None) -> tuple[Reading, ...]:
        return tuple(decode_reading(body) for body in self._bodies(experiment, after, to))

    def _bodies(self, experiment: str, after: int, to: int | None) -> Iterator[dict[str, Any]]:
        query = (
            select(SCRAPES.c.body)
            .where(SCRAPES.c.experiment == experiment, SCRAPES.c.number > after)
            .order_by(SCRAPES.c.number, SCRAPES.c.host)
        )
        if to is not None:
            query = query.where(SCRAPES.c.number <= to)
        return (row["body"] for row in self._belonging(experiment, query))

    def _belonging(self, experiment: str, query: Any) -> Sequence[RowMapping]:
        """The rows of `query`; StateError if there are none because there is no such experiment."""
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
            if not rows:
                _existing(connection, experiment)
        return rows

    def _update(self, experiment: str, **columns: Any) -> None:
        with writing(self._engine) as connection:
            _set(connection, experiment, **columns)


_Key = tuple[int, str]


def _by_key(experiment: str, scrapes: Sequence[Scrape]) -> dict[_Key, Scrape]:
    given: dict[_Key, Scrape] = {}
    for scrape in scrapes:
        key = (scrape.number, scrape.host)
        if given.setdefault(key, scrape) != scrape:
            raise rules.different_scrape(experiment, *key)
    return given


def _recorded(connection: Connection, experiment: str, keys: Mapping[_Key, Scrape]) -> dict[_Key, Scrape]:
    numbers = [number for number, _ in keys] or [0]
    query = select(SCRAPES.c.body).where(
        SCRAPES.c.experiment == experiment, SCRAPES.c.number.between(min(numbers), max(numbers))
    )
    found = (decode_scrape(body) for body in connection.scalars(query))
    return {(scrape.number, scrape.host): scrape for scrape in found}


def _existing(connection: Connection, experiment: str) -> None:
    if connection.scalar(select(EXPERIMENTS.c.number).where(EXPERIMENTS.c.id == experiment)) is None:
        raise _unknown(connection, experiment)


def _locked(connection: Connection, experiment: str) -> RowMapping:
    columns = (
        EXPERIMENTS.c.phase,
        EXPERIMENTS.c.outcome,
        EXPERIMENTS.c.stop_requested,
        EXPERIMENTS.c.started_at,
    )
    query = select(*columns).where(EXPERIMENTS.c.id == experiment).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise _unknown(connection, experiment)
    return row


def _set(connection: Connection, experiment: str, **columns: Any) -> None:
    changed = connection.execute(update(EXPERIMENTS).where(EXPERIMENTS.c.id == experiment).values(columns))
    if changed.rowcount == 0:
        raise _unknown(connection, experiment)


def _write(
    connection: Connection,
    experiment: str,
    kind: EventKind,
    step: str,
    data: Mapping[str, object],
    *,
    at: datetime,
) -> int:
    row = {"experiment": experiment, "kind": str(kind), "step": storable(step), "data": dict(data), "at": at}
    lock_ledger(connection)
    ledger_watch.tell(connection)
    return connection.execute(insert(EVENTS).values(row).returning(EVENTS.c.sequence)).scalar_one()


def _unknown(connection: Connection, reference: str) -> Exception:
    rows = connection.execute(select(EXPERIMENTS.c.id, EXPERIMENTS.c.name))
    return rules.unknown_experiment(reference, (text for row in rows for text in row))
