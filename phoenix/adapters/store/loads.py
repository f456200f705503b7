"""`LoadRunStore` on a SQL database."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from phoenix.adapters.store import load_changes, rules
from phoenix.adapters.store.experiments import utc_now
from phoenix.adapters.store.rows import driver_of, driver_row
from phoenix.adapters.store.tables import LOAD_RUNS
from phoenix.adapters.store.transactions import lock_load_names, reading, writing
from phoenix.adapters.stores import LoadRunStore
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadRun, LoadState, LoadStatus
from phoenix.domain.record import Driver

_NEWEST_FIRST = (LOAD_RUNS.c.created_at.desc(), LOAD_RUNS.c.number.desc())

_AT_WORK = LOAD_RUNS.c.state != str(LoadState.ENDED)

_SAME = (
    "id",
    "name",
    "experiment",
    "profile",
    "created_at",
    "deadline",
    "heartbeat_at",
    "stop_requested",
    "started_at",
    "ended_at",
)
"""Columns named and typed as the fields."""


class SqlLoadRunStore(LoadRunStore):
    """Load runs in the database of `engine` (`engine.open_engine`).

    Every verb that changes a run locks its row first, and changes it by the rules of `load_changes`.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now

    def create(self, run: LoadRun) -> None:
        row = _row(load_changes.stored(run))
        try:
            with writing(self._engine) as connection:
                lock_load_names(connection)
                of_its_name = select(LOAD_RUNS.c.id).where(LOAD_RUNS.c.name == row["name"], _AT_WORK)
                if not run.is_over and connection.execute(of_its_name).first() is not None:
                    raise load_changes.name_taken(run.name)
                connection.execute(insert(LOAD_RUNS).values(row))
        except IntegrityError as error:
            raise load_changes.duplicate(run.id) from error

    def get(self, reference: str) -> LoadRun:
        with reading(self._engine) as connection:
            for column in (LOAD_RUNS.c.id, LOAD_RUNS.c.name):
                query = select(LOAD_RUNS).where(column == reference).order_by(*_NEWEST_FIRST).limit(1)
                row = connection.execute(query).mappings().first()
                if row is not None:
                    return _run(row)
            raise _unknown(connection, reference)

    def list(self, *, limit: int = 100) -> tuple[LoadRun, ...]:
        return self._runs(select(LOAD_RUNS).order_by(*_NEWEST_FIRST).limit(limit))

    def unfinished(self) -> tuple[LoadRun, ...]:
        return self._runs(select(LOAD_RUNS).where(_AT_WORK).order_by(*_NEWEST_FIRST))

    def claim(self, load: str, driver: Driver, *, instead_of: Driver | None) -> LoadRun:
        return self._change(load, lambda run: load_changes.claimed(run, driver, instead_of, self._now()))

    def release(self, load: str, left: Mapping[str, str]) -> LoadRun:
        return self._change(load, lambda run: load_changes.released(run, left))

    def update(self, load: str, hosts: Mapping[str, LoadStatus]) -> LoadRun:
        return self._change(load, lambda run: load_changes.updated(run, hosts, self._now()))

    def running(self, load: str, at: datetime) -> None:
        self._change(load, lambda run: load_changes.running(run, at))

    def request_stop(self, load: str, reason: str) -> None:
        self._change(load, lambda run: load_changes.stop_requested(run, reason))

    def end(self, load: str, ending: LoadEnding) -> LoadRun:
        return self._change(load, lambda run: load_changes.ending(run, ending))

    def finish(self, load: str) -> LoadRun:
        return self._change(load, lambda run: load_changes.finished(run, self._now()))

    def _runs(self, query: Select[Any]) -> tuple[LoadRun, ...]:
        with reading(self._engine) as connection:
            return tuple(_run(row) for row in connection.execute(query).mappings())

    def _change(self, load: str, change: Callable[[LoadRun], LoadRun]) -> LoadRun:
        with writing(self._engine) as connection:
            query = select(LOAD_RUNS).where(LOAD_RUNS.c.id == load).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is None:
                raise _unknown(connection, load)
            run = _run(row)
            changed = change(run)
            before = _row(run)
            new = {key: value for key, value in _row(changed).items() if value != before[key]}
            if new:
                connection.execute(update(LOAD_RUNS).where(LOAD_RUNS.c.id == load).values(new))
            return changed


def _row(run: LoadRun) -> dict[str, Any]:
    return {
        **{key: getattr(run, key) for key in _SAME},
        "targets": list(run.targets),
        "request": dict(run.request),
        "state": str(run.state),
        "hosts": {target: status.as_document() for target, status in run.hosts.items()},
        "left_over": dict(run.left),
        "ending": None if run.ending is None else asdict(run.ending),
        **driver_row(run.driver),
    }


def _run(row: RowMapping) -> LoadRun:
    return LoadRun(
        **{key: row[key] for key in _SAME},
        targets=tuple(row["targets"]),
        request=row["request"],
        state=LoadState(row["state"]),
        hosts={target: LoadStatus.from_document(status) for target, status in row["hosts"].items()},
        ending=_ending(row["ending"]),
        left=row["left_over"],
        driver=driver_of(row),
    )


def _ending(document: Mapping[str, Any] | None) -> LoadEnding | None:
    return None if document is None else LoadEnding(**{**document, "why": LoadEnd(document["why"])})


def _unknown(connection: Connection, reference: str) -> Exception:
    rows = connection.execute(select(LOAD_RUNS.c.id, LOAD_RUNS.c.name))
    return rules.unknown_load_run(reference, (text for row in rows for text in row))
