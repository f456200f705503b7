"""The schema's revisions and the way to the newest one.

To change the schema: change `tables`, add `versions/NNNN_subject.py` and its number to `REVISIONS`. A test holds
the three together. No command of ours goes back, for that loses what the newer tables hold: keep a copy of the
database. `downgrade` is for whoever must do it by hand.
"""

from sqlalchemy import Connection, Engine, inspect, text

from phoenix.adapters.store.transactions import lock_schema, reading, writing
from phoenix.domain.errors import StateError

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Oldest first. Listed here because asking alembic costs its import, which is half of a short command."""

VERSION_TABLE = "phoenix_schema"
"""Not alembic's default name, which other programs use in a database they may share with us."""


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; one look when it is there already.

    Raises:
        StateError: A newer Phoenix wrote the database.
        DependencyError: It cannot be read or written.
    """
    with reading(engine) as connection:
        if is_current(connection):
            return
    with writing(engine) as connection:
        lock_schema(connection)
        # Another process may have done it while this one waited for the lock.
        if not is_current(connection):
            _run(connection)


def is_current(connection: Connection) -> bool:
    """Whether the schema is the newest one.

    Raises:
        StateError: A newer Phoenix wrote the database.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
    if version is not None and version not in REVISIONS:
        raise StateError(
            f"A newer Phoenix wrote this database: it has schema {version}, this version knows {REVISIONS[-1]}.",
            code="newer_database",
            hint="Update Phoenix, or use another database (PHOENIX_HOME).",
            details={"schema": version, "known": REVISIONS[-1]},
        )
    return version == REVISIONS[-1]


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    # By package, not by path: Config would expand a percent sign in a folder's name.
    config.set_main_option("script_location", "phoenix.adapters.store:migrations")
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
