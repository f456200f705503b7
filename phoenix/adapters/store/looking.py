"""Looks at a database without changing it."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from phoenix.adapters.store import migrations
from phoenix.adapters.store.engine import parse
from phoenix.adapters.store.transactions import reading
from phoenix.domain.errors import DependencyError

_PATIENCE = timedelta(seconds=5)


def is_migrated(url: str) -> bool | None:
    """Whether the database is at the newest schema of ours; None where there is no file of it yet.

    Raises:
        SpecError: `url` is none that can be used.
        StateError: A newer Phoenix wrote it.
        DependencyError: It cannot be reached.
    """
    parsed = parse(url)
    is_file = parsed.get_backend_name() == "sqlite"
    if is_file and not Path(parsed.database or "").exists():
        return None
    patience: dict[str, object] = {"connect_timeout": int(_PATIENCE.total_seconds())}
    address = parsed
    if is_file:
        # Read only: a look must not make a write-ahead log.
        address = f"sqlite:///file:{Path(parsed.database or '').absolute()}?mode=ro&uri=true"
        patience = {"timeout": _PATIENCE.total_seconds()}
    try:
        engine = create_engine(address, connect_args=patience)
    except ModuleNotFoundError as error:
        raise DependencyError(
            "PostgreSQL's driver is not installed.",
            code="missing_driver",
            hint="Install it into Phoenix's environment: psycopg[binary].",
        ) from error
    try:
        with reading(engine) as connection:
            return migrations.is_current(connection)
    except SQLAlchemyError as fault:
        why = str(getattr(fault, "orig", fault)).strip().partition("\n")[0]
        raise DependencyError(
            f"{place_of(url)} cannot be read: {why}", code="database_unreachable"
        ) from fault
    finally:
        engine.dispose()


def place_of(url: str) -> str:
    """Where a database is, without who reads it and by which password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "a URL that cannot be read"
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite {Path(parsed.database or '').absolute()}"
    host = parsed.host or parsed.query.get("host") or "localhost"
    search_path = f" {parsed.query['options']}" if "options" in parsed.query else ""
    return f"postgresql {host}:{parsed.port or 5432}/{parsed.database}{search_path}"
