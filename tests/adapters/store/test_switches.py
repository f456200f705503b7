"""Switches of what serves, by several processes and by processes that are killed: whole, and one at a time."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from phoenix.adapters.store.deployments import SqlDeploymentStore
from phoenix.adapters.store.engine import open_engine
from phoenix.domain.deployment import Owed, RevisionState
from tests.support.clocks import Clock
from tests.support.revisions import a_revision, later

MORTAL = Path(__file__).with_name("mortal_switch.py")
SWITCHER = Path(__file__).with_name("switcher.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database whose host served 1, serves 2, and is to serve 3."""
    path = tmp_path / "phoenix.db"
    engine = open_engine(f"sqlite:///{path}")
    store = SqlDeploymentStore(engine, now=Clock())
    for number in (1, 2, 3):
        store.begin(a_revision(number, "local"))
    for number in (1, 2):
        store.activate("local", number, later(number))
    store.owe("local", "exp-aaaaaaaa", "no route")
    # The last to close it writes the log back: a copy of the file is the whole database.
    engine.dispose()
    return path


Left = tuple[dict[int, RevisionState], list[str], tuple[Owed, ...]]


def left_in(path: Path) -> Left:
    engine = open_engine(f"sqlite:///{path}")
    store = SqlDeploymentStore(engine)
    history = store.history("local")
    left = (
        {revision.number: revision.state for revision in history},
        [revision.error for revision in history],
        store.owed(),
    )
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return left


@pytest.mark.parametrize("verb", ["activate", "fail", "forget"])
def test_a_verb_killed_at_any_moment_was_done_whole_or_not_at_all(path: Path, tmp_path: Path, verb: str):
    copies = tmp_path / "copies"
    copies.mkdir()
    before = left_in(path)
    command = [sys.executable, MORTAL, path, copies, verb]
    codes = [int(code) for code in subprocess.check_output(command, text=True, timeout=60).split()]
    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    found = [left_in(copies / f"{moment}.db") for moment in range(1, len(codes) + 1)]
    after = found[-1]
    assert after != before
    # Two for each statement at least, the commit between them: everything before it left no trace.
    not_at_all = found.index(after)
    assert not_at_all >= 6
    assert found == [before] * not_at_all + [after] * (len(found) - not_at_all)
    assert len(found) - not_at_all >= 2, "one was killed after its commit"


def test_processes_that_switch_one_host_at_once_always_leave_one_that_serves(path: Path):
    url = f"sqlite:///{path}"
    store = SqlDeploymentStore(open_engine(url))
    for number in range(4, 9):
        store.begin(a_revision(number, "local"))
    numbers = (["1", "3", "5"], ["2", "4", "6"], ["7", "8", "3"])
    switchers = [subprocess.Popen([sys.executable, SWITCHER, url, "40", *mine]) for mine in numbers]
    seen: set[int] = set()
    while any(switcher.poll() is None for switcher in switchers):
        (serving,) = store.active()
        seen.add(serving.number)
    assert [switcher.returncode for switcher in switchers] == [0, 0, 0]
    assert len(seen) > 1, "nothing was seen of the race"
    states = [revision.state for revision in store.history("local")]
    assert sorted(states) == [RevisionState.ACTIVE] + [RevisionState.REPLACED] * 7
