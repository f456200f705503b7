"""Experiments, their ledger and their scrapes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_experiments()
    _create_events()
    _create_scrapes()


def _create_experiments() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "experiments",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("driver_machine", sa.String),
        sa.Column("driver_pid", sa.BigInteger),
        sa.Column("driver_started", sa.BigInteger),
        sa.Column("heartbeat_at", moment),
        sa.Column("stop_requested", sa.String),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment),
        sa.Column("finished_at", moment),
        sa.PrimaryKeyConstraint("number", name="pk_experiments"),
        sa.UniqueConstraint("id", name="uq_experiments_id"),
    )
    op.create_index("ix_experiments_name", "experiments", ["name"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("experiment", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_events"),
        _owner("fk_events_experiment_experiments"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_experiment_sequence", "events", ["experiment", "sequence"])


def _create_scrapes() -> None:
    op.create_table(
        "scrapes",
        sa.Column("experiment", sa.String, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("experiment", "number", "host", name="pk_scrapes"),
        _owner("fk_scrapes_experiment_experiments"),
    )


def _owner(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["experiment"], ["experiments.id"], name=name, ondelete="CASCADE")
