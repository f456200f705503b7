"""A Prefect server that hangs, fails or is gone costs a run little time and nothing else."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows import driver
from phoenix.adapters.prefect.child_flows import STARTER_PIPE, flow_environment
from tasks import artifacts
from tasks.publishing import FAILURES_BORNE, attempt
from tests.support.waiting import eventually

LOCKED_SECONDS = 25
"""Longer than three tries of five seconds each and the pauses between them."""

TOUCHING_FLOW = """
import sys
from pathlib import Path
from prefect import flow
from flows.driver import drive

@flow
def touching(path: str) -> None:
    Path(path).touch()

drive(touching)
"""


class Seen(SimpleNamespace):
    """What publishing and the driver read of a run."""

    __hash__ = object.__hash__


@pytest.fixture
def run():
    halted = Event()
    reasons: list[str] = []
    return Seen(
        id="exp-1",
        spec=SimpleNamespace(warmup=1, minimum_scrapes=4),
        reasons=reasons,
        halted=halted,
        halt=lambda reason: (reasons.append(reason), halted.set()),
        document=SimpleNamespace(metadata=SimpleNamespace(name="quick")),
    )


def test_a_flow_waits_seconds_for_its_server(tmp_path, monkeypatch):
    for name, value in flow_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    with temporary_settings():
        assert PREFECT_API_REQUEST_TIMEOUT.value() == 5


@pytest.mark.real
def test_a_run_starts_although_the_server_is_locked_for_seconds(prefect_server, tmp_path):
    database = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    with sqlite3.connect(database, isolation_level=None, timeout=30) as locker:
        locker.execute("BEGIN IMMEDIATE")
        started = subprocess.Popen(
            [sys.executable, "-c", TOUCHING_FLOW, str(tmp_path / "ran")], env=flow_environment(tmp_path)
        )
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(LOCKED_SECONDS)
        assert not (tmp_path / "ran").exists()
        locker.execute("ROLLBACK")
    locker.close()
    assert started.wait(120) == 0
    assert (tmp_path / "ran").exists()


def test_after_the_failures_that_are_borne_nothing_is_tried(run, caplog):
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise TimeoutError("hangs")

    for _ in range(FAILURES_BORNE + 2):
        assert attempt(run, "publishing the plan", fail) is None
    assert len(calls) == len(caplog.records) == FAILURES_BORNE
    assert "publishing the plan" in caplog.text
    assert attempt(Seen(), "publishing another plan", lambda: "published") == "published"


def test_a_dead_server_fails_neither_plan_nor_progress(run, monkeypatch):
    def refuse(*_args: object, **_named: object) -> None:
        raise ConnectionError("refused")

    for name in ("create_markdown_artifact", "create_progress_artifact", "update_progress_artifact"):
        monkeypatch.setattr(artifacts, name, refuse)
    monkeypatch.setattr(artifacts, "UPDATE_SECONDS", 0.0)
    artifacts.publish_plan(run, {})
    progress = artifacts.ProgressArtifact(run)
    for scrape in range(5):
        progress.show(scrape, None)
    assert run.reasons == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_halts_the_run_from_another_thread(run, monkeypatch, number):
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.delenv(STARTER_PIPE, raising=False)
    monkeypatch.setattr(driver, "announced", lambda _run: nullcontext())  # there is no ledger to tell of
    try:
        with driver.driven(run):
            assert PREFECT_CLIENT_MAX_RETRIES.value() == driver.RETRIES_WHILE_HOSTS_ARE_HELD
            with run.halted._cond:  # the lock that `Event.set` takes, held by the code that is interrupted
                os.kill(os.getpid(), number)
            eventually(run.halted.is_set, what="the run to be halted")
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)
    assert run.reasons == [f"signal {signal.Signals(number).name}"]
