"""The tables, as SQLAlchemy metadata; a test holds the migrations to it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    text,
)

from phoenix.adapters.store.encoding import as_utc

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Named constraints: a migration can only change what has a name."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite would drop the zone and hand back a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else as_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else as_utc(value, naive_is_utc=True)


def _counter(name: str) -> Column[int]:
    # SQLite counts up only in a column of exactly the type INTEGER, which holds 64 bits there.
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _owner(**options: Any) -> Column[str]:
    return Column(
        "experiment", String, ForeignKey("experiments.id", ondelete="CASCADE"), nullable=False, **options
    )


EXPERIMENTS = Table(
    "experiments",
    METADATA,
    _counter("number"),
    Column("id", String, nullable=False, unique=True),
    Column("name", String, nullable=False, index=True),
    Column("document", JSON, nullable=False),
    Column("phase", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("error", String, nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("findings", JSON, nullable=False),
    Column("driver_machine", String),
    Column("driver_pid", BigInteger),
    Column("driver_started", BigInteger),
    Column("heartbeat_at", UtcDateTime),
    Column("stop_requested", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
)
"""`number` is the order of creation; it decides which is newer where two moments are equal."""

EVENTS = Table(
    "events",
    METADATA,
    _counter("sequence"),
    _owner(),
    Column("kind", String, nullable=False),
    Column("step", String, nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "experiment", "sequence"),
    # Without it SQLite gives the sequence of a deleted newest event once more, and a reader's cursor skips it.
    sqlite_autoincrement=True,
)

SCRAPES = Table(
    "scrapes",
    METADATA,
    _owner(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("host", String, primary_key=True),
    Column("body", JSON, nullable=False),
)
"""`body` is the whole scrape (`encoding`); JSON and not JSONB, which would round and reorder."""

_ACTIVE = text("state = 'active'")

REVISIONS = Table(
    "revisions",
    METADATA,
    Column("host", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String, nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("name", String, nullable=False),
    Column("pipeline", String, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("version", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("variables", JSON, nullable=False),
    Column("reason", String, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("previous", Integer),
    Column("error", String, nullable=False),
    Column("driver_machine", String),
    Column("driver_pid", BigInteger),
    Column("driver_started", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("activated_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("config", String, nullable=False),
    Index("uq_revisions_active", "host", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
)
"""The index `uq_revisions_active` holds that one revision of a host serves, whatever the code does."""

OWED_CLEANUPS = Table(
    "owed_cleanups",
    METADATA,
    Column("host", String, primary_key=True),
    Column("owner", String, primary_key=True),
    Column("why", String, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

TARGETS = Table(
    "targets",
    METADATA,
    Column("name", String, primary_key=True),
    Column("uri", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("block", String, nullable=False, server_default=""),
)
"""`block` is a name only: what the block holds stays on its Prefect server."""

LOAD_RUNS = Table(
    "load_runs",
    METADATA,
    _counter("number"),
    Column("id", String, nullable=False, unique=True),
    Column("name", String, nullable=False, index=True),
    Column("experiment", String, nullable=False),
    Column("profile", String, nullable=False),
    Column("targets", JSON, nullable=False),
    Column("request", JSON, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("hosts", JSON, nullable=False),
    Column("ending", JSON(none_as_null=True)),
    Column("left_over", JSON, nullable=False),
    Column("driver_machine", String),
    Column("driver_pid", BigInteger),
    Column("driver_started", BigInteger),
    Column("heartbeat_at", UtcDateTime),
    Column("stop_requested", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deadline", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)
"""No foreign key to `experiments`: a load run is told of after its experiment was deleted."""

USERS = Table(
    "users",
    METADATA,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("password_hash", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("subject", String, unique=True),
)
"""`subject` is NULL where there is none: of those there may be many."""


def _given_to() -> Column[str]:
    # Not "user": PostgreSQL answers that word, unquoted, with who is logged in to the database.
    return Column("owner", String, ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True)


SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String, primary_key=True),
    _given_to(),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("address", String, nullable=False),
)

TOKENS = Table(
    "tokens",
    METADATA,
    _counter("number"),
    Column("id", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    _given_to(),
    Column("digest", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    _counter("sequence"),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False, index=True),
    Column("way", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("address", String, nullable=False),
    # A sequence is never given twice: whoever pages through it would miss a line.
    sqlite_autoincrement=True,
)
"""Only ever added to. No foreign key to `users`: what somebody did is told after he was removed."""

REQUESTS = Table(
    "requests",
    METADATA,
    Column("key", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False, index=True),
    Column("status", Integer),
    Column("headers", JSON(none_as_null=True)),
    Column("body", LargeBinary),
)
"""Requests that carry an idempotency key; one without a status has no answer yet."""
