"""Opens the database a URL names, at the schema this version of Phoenix knows."""

from datetime import timedelta

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from phoenix.adapters.store import migrations, sqlite
from phoenix.adapters.store.encoding import to_json
from phoenix.domain.errors import DependencyError, SpecError

BUSY_TIMEOUT = timedelta(seconds=10)
"""How long a transaction waits for another process's: far above the milliseconds that any of ours takes."""

_HIDES_PARAMETERS = True
"""The text of SQLAlchemy's errors, and its log, would repeat what a statement writes: password hashes, too."""


def open_engine(url: str, *, busy_timeout: timedelta = BUSY_TIMEOUT) -> Engine:
    """Open (SQLite: create) the database and bring its schema up to date.

    Args:
        url: `sqlite:////folder/phoenix.db` or `postgresql://user@host/database`.
        busy_timeout: How long a transaction waits for another process's, SQLite only.

    Raises:
        SpecError: `url` is none of these.
        StateError: A newer Phoenix wrote the database.
        DependencyError: It cannot be reached, read or written, or its driver is not installed.
    """
    parsed = parse(url)
    engine = _sqlite(parsed, busy_timeout) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
    try:
        migrations.upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def parse(url: str) -> URL:
    """The URL of a database that can be opened.

    Raises:
        SpecError: It is none.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # Not chained: SQLAlchemy's text repeats the URL, which may hold a password.
        raise _not_a_database("it is no database URL") from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite" if parsed.database and parsed.database != ":memory:":
            return parsed
        case "sqlite" | "sqlite+pysqlite":
            raise _not_a_database("SQLite needs a file")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise _not_a_database(f"{other!r} is not supported")


def _not_a_database(why: str) -> SpecError:
    return SpecError(
        f"The database URL cannot be used: {why}.",
        code="invalid_database_url",
        hint="Use sqlite:////folder/phoenix.db or postgresql://user@host/database.",
    )


def _sqlite(url: URL, busy_timeout: timedelta) -> Engine:
    sqlite.prepare_file(url)
    engine = create_engine(
        url,
        json_serializer=to_json,
        hide_parameters=_HIDES_PARAMETERS,
        connect_args={"timeout": busy_timeout.total_seconds()},
    )
    sqlite.configure(engine, busy_timeout)
    return engine


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url, json_serializer=to_json, hide_parameters=_HIDES_PARAMETERS, pool_pre_ping=True
        )
    except ModuleNotFoundError as error:
        raise DependencyError(
            "PostgreSQL's driver is not installed.",
            code="missing_driver",
            hint="Install it into Phoenix's environment: psycopg[binary].",
        ) from error
