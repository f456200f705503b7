"""All that is special about SQLite: its file, its pragmas, its transactions, its complaints.

Write transactions begin IMMEDIATE: one that begins by reading and then writes fails at once, without waiting, where
another wrote in between. `synchronous` stays FULL: an intent in the ledger must be on the disk before its effect.
"""

import os
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from phoenix.adapters.stores import STORE_UNAVAILABLE
from phoenix.domain.errors import DependencyError

WRITES = "phoenix_writes"
"""Execution option of a connection whose transactions write."""

_WAL_RETRY_SECONDS = 0.02

_RESTORE = "Move the file away and restore a copy; without one Phoenix starts with an empty store."

_COMPLAINTS = {
    "SQLITE_BUSY": (
        "another process keeps it locked",
        "Try again; if it persists, end what holds the file open.",
    ),
    "SQLITE_LOCKED": (
        "another process keeps it locked",
        "Try again; if it persists, end what holds the file open.",
    ),
    "SQLITE_NOTADB": ("the file is no SQLite database", _RESTORE),
    "SQLITE_CORRUPT": ("the file is damaged", _RESTORE),
    "SQLITE_READONLY": ("it may not be written", "Make the file and its folder writable for this user."),
    "SQLITE_PERM": ("it may not be accessed", "Make the file and its folder writable for this user."),
    "SQLITE_CANTOPEN": ("the file cannot be opened", "Check that file and folder are readable and writable."),
    "SQLITE_FULL": ("the disk is full", "Free space, then run the command again."),
    "SQLITE_IOERR": ("the disk reported an error", "Check the disk and the kernel's log."),
}


def explain(error: BaseException | None) -> tuple[str, str] | None:
    """What a driver's error means and what to do about it; None where it is not SQLite's or not known."""
    name = getattr(error, "sqlite_errorname", "")
    return next((said for prefix, said in _COMPLAINTS.items() if name.startswith(prefix)), None)


def prepare_file(url: URL) -> None:
    """Create the folder (0700) and the file (0600) if they are missing; SQLite gives its -wal and -shm that mode.

    A file that is there is not opened: to close it would drop the locks of every connection that this process has on
    it (POSIX), and another process would then take away the log that they read.

    Raises:
        DependencyError: The folder or the file cannot be created.
    """
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise DependencyError(
            f"The database {path} cannot be opened: {error.strerror}.",
            code=STORE_UNAVAILABLE,
            hint="Choose another folder with PHOENIX_HOME, or make this one writable.",
            details={"path": str(path)},
        ) from error


def configure(engine: Engine, busy_timeout: timedelta) -> None:
    """Install the pragmas and the transactions on every connection of `engine`."""

    def on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - narrows the type
        # The driver must not begin transactions of its own: on_begin does (SQLAlchemy, "pysqlite" page).
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        use_wal(connection, busy_timeout)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", _on_begin)


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def use_wal(connection: sqlite3.Connection, busy_timeout: timedelta) -> None:
    """Change the file to WAL, which does not wait for the busy timeout when several open a new file at once."""
    deadline = time.monotonic() + busy_timeout.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_RETRY_SECONDS)
        else:
            return
