"""By which block a saved target is reached."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("targets", sa.Column("block", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("targets", "block")
