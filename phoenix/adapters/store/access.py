"""`AccessStore` on a SQL database."""

from phoenix.adapters.access_store import AccessStore
from phoenix.adapters.store.access_grants import SqlGrants
from phoenix.adapters.store.access_ledgers import SqlLedgers
from phoenix.adapters.store.access_users import SqlUsers


class SqlAccessStore(SqlUsers, SqlGrants, SqlLedgers, AccessStore):
    """People, what they were given and what they did, in the database of `engine` (`engine.open_engine`)."""
