"""Users and what they were given, the audit, and requests that carry an idempotency key."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _create_users()
    _create_sessions()
    _create_tokens()
    _create_invitations()
    _create_audit()
    _create_requests()


def downgrade() -> None:
    for table in ("requests", "audit", "invitations", "tokens", "sessions", "users"):
        op.drop_table(table)


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("password_hash", sa.String),
        _moment("created_at", nullable=False),
        sa.Column("is_disabled", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        _moment("locked_until"),
        sa.Column("subject", sa.String),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
        sa.UniqueConstraint("subject", name="uq_users_subject"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        _moment("created_at", nullable=False),
        _moment("expires_at", nullable=False),
        _moment("seen_at", nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
        _owner("fk_sessions_owner_users"),
    )
    op.create_index("ix_sessions_owner", "sessions", ["owner"])


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        _counter("number"),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        _moment("created_at", nullable=False),
        _moment("expires_at", nullable=False),
        _moment("used_at"),
        _moment("revoked_at"),
        sa.PrimaryKeyConstraint("number", name="pk_tokens"),
        sa.UniqueConstraint("id", name="uq_tokens_id"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
        _owner("fk_tokens_owner_users"),
    )
    op.create_index("ix_tokens_owner", "tokens", ["owner"])


def _create_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        _moment("created_at", nullable=False),
        _moment("expires_at", nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_invitations"),
    )


def _create_audit() -> None:
    words = ("who", "way", "action", "subject", "outcome", "reason", "address")
    op.create_table(
        "audit",
        _counter("sequence"),
        _moment("at", nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in words),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_who", "audit", ["who"])


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        _moment("begun_at", nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.JSON),
        sa.Column("body", sa.LargeBinary),
        sa.PrimaryKeyConstraint("key", name="pk_requests"),
    )
    op.create_index("ix_requests_begun_at", "requests", ["begun_at"])


def _moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True)


def _owner(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["owner"], ["users.name"], name=name, ondelete="CASCADE")
