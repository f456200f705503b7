"""Alembic's entry: runs the revisions on the connection, and in the transaction, that `upgrade` hands over."""

from alembic import context

from phoenix.adapters.store.migrations import VERSION_TABLE
from phoenix.adapters.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    # SQLite alters a table only by making it anew.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
