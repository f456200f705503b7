"""One statement that adds a row or minds the one that is there, in each database's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table, row: Mapping[str, Any], *, changed: Sequence[str]) -> None:
    """Add `row`; where one of its primary key is there, set `changed` of it and keep the rest.

    One statement: two that look first and write then fail when two processes add the same row at once.
    """
    statement = _insert(connection, table, row)
    new = {name: statement.excluded[name] for name in changed}
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=new))


def insert_if_absent(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Add `row`, unless one of its primary key is there; whether it was added."""
    statement = _insert(connection, table, row).on_conflict_do_nothing(index_elements=list(table.primary_key))
    # Of an INSERT, SQLAlchemy keeps the count only when asked to.
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def _insert(
    connection: Connection, table: Table, row: Mapping[str, Any]
) -> sqlite.Insert | postgresql.Insert:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).values(dict(row))
