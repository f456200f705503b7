"""Transactions for reading and for writing, whose failures are ours."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from phoenix.adapters.store import sqlite
from phoenix.adapters.stores import STORE_UNAVAILABLE
from phoenix.domain.errors import DependencyError

_SCHEMA_LOCK = 0x50484F454E4958
"""Key of PostgreSQL's advisory lock: "PHOENIX" in ASCII, so that it is ours."""

_LOAD_NAMES_LOCK = _SCHEMA_LOCK + 1
_PEOPLE_LOCK = _SCHEMA_LOCK + 2
_LEDGER_LOCK = _SCHEMA_LOCK + 2


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """One snapshot; DependencyError where the database fails."""
    with translated(engine.url), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """One write transaction, rolled back on any error; DependencyError where the database fails.

    A broken constraint leaves as SQLAlchemy's IntegrityError: only the verb knows what it means.
    """
    with translated(engine.url), engine.execution_options(**{sqlite.WRITES: True}).begin() as connection:
        yield connection


def lock_schema(connection: Connection) -> None:
    """Let one process at a time change the schema, until the transaction ends; SQLite's IMMEDIATE does already."""
    _lock(connection, _SCHEMA_LOCK)


def lock_load_names(connection: Connection) -> None:
    """Let one process at a time give a load run its name, until the transaction ends."""
    _lock(connection, _LOAD_NAMES_LOCK)


def lock_ledger(connection: Connection) -> None:
    """Let one transaction at a time write to the ledger: a sequence is given at once and seen at the commit."""
    _lock(connection, _LEDGER_LOCK)


def lock_people(connection: Connection) -> None:
    """Let one process at a time change who is an admin or may become one, until the transaction ends."""
    _lock(connection, _PEOPLE_LOCK)


def _lock(connection: Connection, key: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


@contextmanager
def translated(url: URL) -> Generator[None]:
    """Turn the driver's errors into DependencyError: which database, what is wrong, what to do."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError) as error:
        raise _unavailable(url, error) from error


def _unavailable(url: URL, error: DBAPIError | PoolTimeoutError) -> DependencyError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause).strip() or type(cause).__name__
    why, hint = sqlite.explain(cause) or (
        said.splitlines()[0],
        "Check that the database runs and accepts this user.",
    )
    where = url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    return DependencyError(
        f"The database {where} cannot be used: {why}.",
        code=STORE_UNAVAILABLE,
        hint=hint,
        details={"database": where, "driver": said},
    )
