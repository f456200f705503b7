"""Deployments, clean-ups that are owed, and saved targets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_revisions()
    _create_owed_cleanups()
    _create_targets()


def downgrade() -> None:
    for table in ("targets", "owed_cleanups", "revisions"):
        op.drop_table(table)


def _create_revisions() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "revisions",
        sa.Column("host", sa.String, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("pipeline", sa.String, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("variables", sa.JSON, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("asked_by", sa.String, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("driver_machine", sa.String),
        sa.Column("driver_pid", sa.BigInteger),
        sa.Column("driver_started", sa.BigInteger),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("activated_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("config", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("host", "number", name="pk_revisions"),
    )
    op.create_index("ix_revisions_state", "revisions", ["state"])
    active = sa.text("state = 'active'")
    op.create_index(
        "uq_revisions_active",
        "revisions",
        ["host"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )


def _create_owed_cleanups() -> None:
    op.create_table(
        "owed_cleanups",
        sa.Column("host", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", "owner", name="pk_owed_cleanups"),
    )


def _create_targets() -> None:
    op.create_table(
        "targets",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_targets"),
    )
