"""Waits until a database was written to, by whichever process: SQLite by its own counter, PostgreSQL by NOTIFY."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from phoenix.adapters.stores import LedgerWatch

_CHANNEL = "phoenix_ledger"

_LOOK_SECONDS = 0.002
"""Between two looks at SQLite's counter, which take microseconds: it has nothing that could wake us."""

_AWAY_SECONDS = 0.5
"""Before a database that does not answer is asked again."""


def watch_of(engine: Engine) -> LedgerWatch:
    """A watch over the database of `engine`, with a connection of its own, opened at the first wait."""
    if engine.dialect.name == "sqlite":
        return _Watch(lambda: _Sqlite(str(engine.url.database)))
    return _Watch(lambda: _Postgresql(engine))


def tell(connection: Connection) -> None:
    """Wake whoever watches, at the commit of this transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {_CHANNEL}"))


class _Bell(Protocol):
    def wait(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class _Watch(LedgerWatch):
    """Opens its connection anew where that is lost: whoever looks then finds out by himself what is wrong."""

    def __init__(self, connect: Callable[[], _Bell]) -> None:
        self._connect = connect
        self._bell: _Bell | None = None
        self._lock = threading.Lock()
        self._is_waiting = False
        self._is_over = False

    def wait(self, seconds: float) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_waiting = True
        try:
            self._wait(seconds)
        finally:
            with self._lock:
                self._is_waiting = False
                if self._is_over:
                    self._drop()

    def close(self) -> None:
        """A thread that waits closes its connection itself: to take it away from under one ends the process."""
        with self._lock:
            self._is_over = True
            if not self._is_waiting:
                self._drop()

    def _wait(self, seconds: float) -> None:
        try:
            if self._bell is None:
                self._bell = self._connect()
                return  # what was written before that rang no bell
            self._bell.wait(seconds)
        except (sqlite3.Error, SQLAlchemyError, OSError):
            self._lost(seconds)
        except Exception as error:  # the tree of psycopg, which is installed only where it is used
            if not type(error).__module__.startswith("psycopg"):
                raise
            self._lost(seconds)

    def _lost(self, seconds: float) -> None:
        self._drop()
        time.sleep(min(seconds, _AWAY_SECONDS))

    def _drop(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None:
            with suppress(Exception):  # its server may be gone, and the connection with it
                bell.close()


class _Sqlite:
    """By `PRAGMA data_version`, which changes whenever another connection commits (sqlite.org/pragma.html)."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=1, check_same_thread=False)
        self._seen = self._version()

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (now := self._version()) == self._seen and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        self._seen = now

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        return self._connection.execute("PRAGMA data_version").fetchone()[0]


class _Postgresql:
    """By LISTEN, on a connection that no pool takes back."""

    def __init__(self, engine: Engine) -> None:
        pooled = engine.raw_connection()
        self._driver: Any = pooled.driver_connection
        pooled.detach()
        self._driver.rollback()
        self._driver.autocommit = True
        self._driver.execute(f"LISTEN {_CHANNEL}")

    def wait(self, seconds: float) -> None:
        for _ in self._driver.notifies(timeout=seconds, stop_after=1):
            return

    def close(self) -> None:
        self._driver.close()
