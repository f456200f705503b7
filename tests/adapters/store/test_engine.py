"""Opening: schema, file modes, and every way in which a database can refuse."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from phoenix.adapters.store import migrations
from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.adapters.store.tables import METADATA
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind, ExperimentRecord
from tests.adapters.store import postgresql

NOBODY = 65534
RECORD = ExperimentRecord(
    "exp-aaaaaaaa", "web", {}, Phase.PENDING, Outcome.NONE, datetime(2026, 3, 1, tzinfo=UTC)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "phoenix.db"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def schema_differences(url: str) -> list[object]:
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
        found = compare_metadata(context, METADATA)
    engine.dispose()
    return found


def test_migrations_equal_the_tables(path: Path):
    assert schema_differences(url_of(path)) == []


@pytest.mark.real
def test_migrations_equal_the_tables_on_postgresql():
    why = postgresql.why_missing()
    if why is not None:
        pytest.skip(why)
    with postgresql.server() as url:
        assert schema_differences(url) == []


def test_the_listed_revisions_are_the_ones_on_disk():
    config = Config()
    config.set_main_option("script_location", "phoenix.adapters.store:migrations")
    on_disk = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(on_disk)) == migrations.REVISIONS


def test_opening_a_current_database_does_not_import_alembic(path: Path):
    open_engine(url_of(path))
    program = (
        "import sys; from phoenix.adapters.store.engine import open_engine; open_engine(sys.argv[1]);"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, url_of(path)], check=False).returncode == 0


def test_folder_and_files_are_for_their_owner_only(path: Path):
    store = SqlExperimentStore(open_engine(url_of(path)))
    store.create(RECORD)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("phoenix.db", "phoenix.db-wal", "phoenix.db-shm"), 0o600)


def test_a_percent_sign_in_the_folder_is_no_problem(tmp_path: Path):
    assert SqlExperimentStore(open_engine(url_of(tmp_path / "50%20 off" / "phoenix.db"))).list() == ()


def test_sqlite_runs_as_intended(path: Path):
    with open_engine(url_of(path)).connect() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
    assert pragmas == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 10_000, "synchronous": 2}


def test_opening_it_again_does_not_drop_the_locks_of_who_has_it_open(path: Path):
    engine = open_engine(url_of(path))
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM experiments").all()
        open_engine(url_of(path)).dispose()
        script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM experiments').fetchall()"
        subprocess.run([sys.executable, "-c", script, path], check=True)
        # The last to close a database takes its log away: the other process must know that it is not the last.
        assert path.with_name("phoenix.db-wal").exists()
    engine.dispose()


def test_a_database_of_a_newer_phoenix_is_refused_and_left_alone(path: Path):
    open_engine(url_of(path)).dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '0999'")  # noqa: S608 - a constant
        connection.commit()
    with pytest.raises(StateError, match="newer Phoenix") as caught:
        open_engine(url_of(path))
    assert caught.value.code == "newer_database"
    assert "0999" in caught.value.message
    assert caught.value.hint


def test_a_migration_that_was_cut_off_leaves_no_half_schema(path: Path, monkeypatch: pytest.MonkeyPatch):
    def run_and_die(connection: object) -> None:
        original(connection)
        raise KeyboardInterrupt

    original = migrations._run
    monkeypatch.setattr(migrations, "_run", run_and_die)
    with pytest.raises(KeyboardInterrupt):
        open_engine(url_of(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    monkeypatch.undo()
    assert SqlExperimentStore(open_engine(url_of(path))).list() == ()


def test_a_file_that_is_no_database_is_named_with_what_to_do(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"not a database, certainly not one of ours" * 100)
    before = path.read_bytes()
    with pytest.raises(DependencyError, match="no SQLite database") as caught:
        open_engine(url_of(path))
    assert str(path) in caught.value.message
    assert "restore a copy" in caught.value.hint
    assert path.read_bytes() == before


def test_a_damaged_database_is_named_with_what_to_do(path: Path):
    engine = open_engine(url_of(path))
    store = SqlExperimentStore(engine)
    store.create(RECORD)
    engine.dispose()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(DependencyError, match="damaged") as caught:
        SqlExperimentStore(open_engine(url_of(path))).get("web")
    assert caught.value.code == "store_unavailable"


def test_a_locked_database_is_named_with_what_to_do(path: Path):
    store = SqlExperimentStore(open_engine(url_of(path), busy_timeout=timedelta(milliseconds=50)))
    store.create(RECORD)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DependencyError, match="another process keeps it locked"):
            store.append(RECORD.id, EventKind.NOTE, "x", {})
        assert store.get("web").id == RECORD.id, "WAL: a writer never blocks a reader"
    store.append(RECORD.id, EventKind.NOTE, "x", {})


@contextmanager
def as_nobody() -> Generator[None]:
    """Root may write every file: give that up for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Generator[Path]:
    # Not tmp_path: another user may not enter pytest's folder.
    with tempfile.TemporaryDirectory(prefix="phoenix-store-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_read_only_database_is_named_with_what_to_do(open_folder: Path):
    path = open_folder / "phoenix.db"
    SqlExperimentStore(open_engine(url_of(path))).create(RECORD)
    for file in open_folder.iterdir():
        file.chmod(0o444)
    with as_nobody(), pytest.raises(DependencyError, match="may not be written") as caught:
        SqlExperimentStore(open_engine(url_of(path))).append(RECORD.id, EventKind.NOTE, "x", {})
    assert "writable" in caught.value.hint


def test_a_file_of_another_user_is_named_with_what_to_do(open_folder: Path):
    path = open_folder / "phoenix.db"
    open_engine(url_of(path)).dispose()
    path.chmod(0)
    with as_nobody(), pytest.raises(DependencyError, match="cannot be opened") as caught:
        open_engine(url_of(path))
    assert str(path) in caught.value.message


def test_a_folder_that_cannot_be_created_is_named_with_what_to_do(tmp_path: Path):
    (tmp_path / "state").write_text("a file in the way")
    path = tmp_path / "state" / "deeper" / "phoenix.db"
    with pytest.raises(DependencyError, match="Not a directory") as caught:
        open_engine(url_of(path))
    assert str(path) in caught.value.message
    assert "PHOENIX_HOME" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://me:secret@db/x", "a:secret@b"]
)
def test_other_urls_are_refused_without_repeating_a_password(url: str):
    with pytest.raises(SpecError) as caught:
        open_engine(url)
    assert caught.value.code == "invalid_database_url"
    assert "secret" not in caught.value.message


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DependencyError, match="driver is not installed") as caught:
        open_engine("postgresql://phoenix@localhost/phoenix")
    assert "psycopg" in caught.value.hint


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path):
    pytest.importorskip("psycopg", reason="no psycopg (PostgreSQL driver) in this environment")
    with pytest.raises(DependencyError) as caught:
        open_engine(f"postgresql://phoenix:secret@/phoenix?host={tmp_path}")
    assert caught.value.code == "store_unavailable"
    assert "secret" not in str((caught.value.message, caught.value.details))
