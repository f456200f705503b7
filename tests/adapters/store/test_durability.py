"""Several processes, and processes that are killed: nothing acknowledged is lost, nothing is torn."""

import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest

from phoenix.adapters.store import sqlite
from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord

WRITER = Path(__file__).with_name("writer.py")
IDENTIFIER = "exp-aaaaaaaa"


def start_writer(url: str, tag: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, WRITER, url, IDENTIFIER, tag, str(count)], stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "phoenix.db"


@pytest.fixture
def store(path: Path) -> SqlExperimentStore:
    store = SqlExperimentStore(open_engine(f"sqlite:///{path}"))
    store.create(ExperimentRecord(IDENTIFIER, "web", {}, Phase.MEASURING, Outcome.NONE, datetime.now(UTC)))
    return store


def test_four_processes_append_at_once_and_lose_nothing(path: Path, store: SqlExperimentStore):
    writers = [start_writer(f"sqlite:///{path}", f"writer-{number}", 200) for number in range(4)]
    said = [[int(line) for line in writer.communicate()[0].split()] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    events = store.events(IDENTIFIER)
    sequences = [event.sequence for event in events]
    assert len(events) == 800
    assert all(earlier < later for earlier, later in pairwise(sequences))
    for number, own in enumerate(said):
        mine = [event.sequence for event in events if event.step == f"writer-{number}"]
        assert mine == own
        numbers = [event.data["number"] for event in events if event.step == f"writer-{number}"]
        assert numbers == list(range(1, 201))
    assert len(store.scrapes(IDENTIFIER)) == 800


def kill_while_it_writes(path: Path, store: SqlExperimentStore, tag: str, lines: int) -> None:
    with start_writer(f"sqlite:///{path}", tag, 1_000_000) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.kill()
        said += [int(line) for line in writer.stdout.read().split()]
    kept = {event.sequence: event.data["number"] for event in store.events(IDENTIFIER) if event.step == tag}
    assert set(said) <= set(kept), "an acknowledged event is lost"
    assert sorted(kept.values()) == list(range(1, len(kept) + 1))
    scrapes = [scrape.number for scrape in store.scrapes(IDENTIFIER) if scrape.host == tag]
    assert scrapes == list(range(1, len(scrapes) + 1))
    assert len(said) <= len(scrapes) <= len(kept)


def check_integrity(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_a_killed_writer_loses_nothing_it_acknowledged(path: Path, store: SqlExperimentStore, kills: int):
    chance = random.Random(20260301)  # noqa: S311 - picks moments, no secrets
    for number in range(kills):
        kill_while_it_writes(path, store, f"writer-{number}", chance.randint(1, 40))
        check_integrity(path)


def test_processes_that_open_a_new_database_at_once_make_it_once(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/state/phoenix.db"
    program = "import sys; from phoenix.adapters.store.engine import open_engine; open_engine(sys.argv[1])"
    openers = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(4)]
    assert [opener.wait() for opener in openers] == [0, 0, 0, 0]
    assert SqlExperimentStore(open_engine(url)).list() == ()


def test_connections_that_change_a_new_file_to_wal_at_once_wait_for_each_other(tmp_path: Path):
    # SQLite itself refuses about one in a hundred of these without waiting, hence the many rounds.
    at_once = Barrier(6)

    def connect(number: int) -> str:
        connection = sqlite3.connect(tmp_path / f"{number}.db", isolation_level=None, check_same_thread=False)
        at_once.wait()
        sqlite.use_wal(connection, timedelta(seconds=10))
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        connection.execute("CREATE TABLE IF NOT EXISTS t(a)")
        connection.close()
        return mode

    with ThreadPoolExecutor(6) as pool:
        for number in range(200):
            assert list(pool.map(connect, [number] * 6)) == ["wal"] * 6
