"""`DeploymentStore` on a SQL database."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from phoenix.adapters.store import transitions
from phoenix.adapters.store.encoding import as_utc, exact, storable
from phoenix.adapters.store.experiments import utc_now
from phoenix.adapters.store.rows import driver_of, driver_row, revision_of, revision_row, stored_revision
from phoenix.adapters.store.tables import OWED_CLEANUPS, REVISIONS
from phoenix.adapters.store.transactions import reading, writing
from phoenix.adapters.store.upserts import upsert
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Owed, Revision, RevisionState
from phoenix.domain.record import Driver


class SqlDeploymentStore(DeploymentStore):
    """Revisions and owed clean-ups in the database of `engine` (`engine.open_engine`).

    Every verb that changes a state locks the host's rows first: two that switch one host at once switch one after
    the other.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._now = now

    def begin(self, revision: Revision) -> None:
        row = revision_row(stored_revision(transitions.intent(revision)))
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(REVISIONS).values(row))
        except IntegrityError as error:
            raise transitions.revision_exists(revision.host, revision.number) from error

    def activate(self, host: str, number: int, at: datetime) -> None:
        moment = as_utc(at)
        with writing(self._engine) as connection:
            states = _locked(connection, host)
            _apply(connection, host, states, transitions.activation(host, number, states), at=moment)

    def fail(self, host: str, number: int, error: str, *, restored: int | None = None) -> None:
        with writing(self._engine) as connection:
            states = _locked(connection, host)
            changes = transitions.failure(host, number, states, restored)
            _apply(connection, host, states, changes, at=self._now())
            if number in changes:
                _set(connection, host, number, error=storable(error))

    def remove(self, host: str, number: int) -> None:
        with writing(self._engine) as connection:
            states = _locked(connection, host)
            _apply(connection, host, states, transitions.removal(host, number, states), at=self._now())

    def get(self, host: str, number: int) -> Revision:
        with reading(self._engine) as connection:
            row = connection.execute(select(REVISIONS).where(*_is(host, number))).mappings().first()
            if row is None:
                raise transitions.unknown_revision(host, number, _states(connection, host))
        return revision_of(row)

    def history(self, host: str, *, limit: int = 50) -> tuple[Revision, ...]:
        newest_first = REVISIONS.c.number.desc()
        return self._revisions(
            select(REVISIONS).where(REVISIONS.c.host == host).order_by(newest_first).limit(limit)
        )

    def active(self) -> tuple[Revision, ...]:
        return self._in_state(RevisionState.ACTIVE)

    def pending(self) -> tuple[Revision, ...]:
        return self._in_state(RevisionState.PENDING)

    def hosts(self) -> tuple[str, ...]:
        with reading(self._engine) as connection:
            return tuple(sorted(connection.scalars(select(REVISIONS.c.host).distinct())))

    def claim(self, host: str, number: int, driver: Driver, *, instead_of: Driver | None) -> None:
        with writing(self._engine) as connection:
            transitions.state_of(host, number, _locked(connection, host))
            row = connection.execute(select(REVISIONS).where(*_is(host, number))).mappings().one()
            if driver_of(row) != instead_of:
                raise transitions.driven(host, number)
            _set(connection, host, number, **driver_row(driver))

    def forget(self, host: str) -> None:
        with writing(self._engine) as connection:
            for table in (REVISIONS, OWED_CLEANUPS):
                connection.execute(delete(table).where(table.c.host == host))

    def owe(self, host: str, owner: str, why: str) -> None:
        row = {"host": exact(host), "owner": exact(owner), "why": storable(why), "since": self._now()}
        with writing(self._engine) as connection:
            upsert(connection, OWED_CLEANUPS, row, changed=("why",))

    def owed(self) -> tuple[Owed, ...]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(OWED_CLEANUPS)).mappings().all()
        # Sorted here: a database's own collation would order hosts otherwise than Python does.
        return tuple(sorted((Owed(**row) for row in rows), key=lambda owed: (owed.host, owed.owner)))

    def settle(self, host: str, owner: str) -> None:
        mine = (OWED_CLEANUPS.c.host == host, OWED_CLEANUPS.c.owner == owner)
        with writing(self._engine) as connection:
            connection.execute(delete(OWED_CLEANUPS).where(*mine))

    def _in_state(self, state: RevisionState) -> tuple[Revision, ...]:
        found = self._revisions(select(REVISIONS).where(REVISIONS.c.state == str(state)))
        return tuple(sorted(found, key=lambda revision: (revision.host, revision.number)))

    def _revisions(self, query: Select[Any]) -> tuple[Revision, ...]:
        with reading(self._engine) as connection:
            return tuple(revision_of(row) for row in connection.execute(query).mappings())


def _is(host: str, number: int) -> tuple[ColumnElement[bool], ...]:
    return (REVISIONS.c.host == host, REVISIONS.c.number == number)


def _locked(connection: Connection, host: str) -> dict[int, RevisionState]:
    rows = select(REVISIONS.c.number).where(REVISIONS.c.host == host).order_by(REVISIONS.c.number)
    connection.execute(rows.with_for_update()).all()
    # Looked at anew: what was begun and activated while this one waited is not among the rows it waited for.
    return _states(connection, host)


def _states(connection: Connection, host: str) -> dict[int, RevisionState]:
    query = select(REVISIONS.c.number, REVISIONS.c.state).where(REVISIONS.c.host == host)
    return {row["number"]: RevisionState(row["state"]) for row in connection.execute(query).mappings()}


def _apply(
    connection: Connection,
    host: str,
    states: Mapping[int, RevisionState],
    changes: Mapping[int, RevisionState],
    *,
    at: datetime,
) -> None:
    """Write `changes` in their order; whoever drove what changes is done with it."""
    for number, state in changes.items():
        moments = transitions.stamps(states[number], state, at)
        _set(connection, host, number, state=str(state), **moments, **driver_row(None))


def _set(connection: Connection, host: str, number: int, **columns: Any) -> None:
    connection.execute(update(REVISIONS).where(*_is(host, number)).values(columns))
