"""Load runs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "load_runs",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("experiment", sa.String, nullable=False),
        sa.Column("profile", sa.String, nullable=False),
        sa.Column("targets", sa.JSON, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("hosts", sa.JSON, nullable=False),
        sa.Column("ending", sa.JSON),
        sa.Column("left_over", sa.JSON, nullable=False),
        sa.Column("driver_machine", sa.String),
        sa.Column("driver_pid", sa.BigInteger),
        sa.Column("driver_started", sa.BigInteger),
        sa.Column("heartbeat_at", moment),
        sa.Column("stop_requested", sa.String),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("deadline", moment, nullable=False),
        sa.Column("started_at", moment),
        sa.Column("ended_at", moment),
        sa.PrimaryKeyConstraint("number", name="pk_load_runs"),
        sa.UniqueConstraint("id", name="uq_load_runs_id"),
    )
    op.create_index("ix_load_runs_name", "load_runs", ["name"])
    op.create_index("ix_load_runs_state", "load_runs", ["state"])


def downgrade() -> None:
    op.drop_table("load_runs")
