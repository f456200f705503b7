"""The active pipeline of the local target, judged from outside, and experiments whose promotion is about to be asked for."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phoenix.adapters.scraping.scraper import ArmScraper
from phoenix.composition import compose
from phoenix.domain.phases import Outcome
from phoenix.domain.record import EventKind
from tests.support.leftovers import processes_using
from tests.support.waiting import eventually


def active():
    """The collector of the active pipeline; None if there is none."""
    return compose().hosts.open("local").active()


def is_collector(pid: int) -> bool:
    """Whether the process table shows a collector of ours by this pid."""
    try:
        return b"otelcol-phoenix" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def assert_flows(running) -> None:
    """New points leave the collector, and what it exports are processes."""
    scraper = ArmScraper(compose().hosts.open("local"), running)
    first = scraper.read()
    assert first.telemetry is not None, first.error

    def grown():
        reading = scraper.read()
        sent = reading.telemetry.points_sent if reading.telemetry else None
        return reading if sent is not None and sent > first.telemetry.points_sent else None

    assert eventually(grown, what="more points sent").export.points


def assert_only_production(home: Path, experiment: str) -> None:
    """Nothing of the experiment is left but what is active; by the process table and by the ledger."""
    phoenix = compose()
    record = phoenix.store.get(experiment)
    host = phoenix.hosts.open("local")
    assert record.phase.is_over
    assert record.driver is None
    assert host.lease() is None
    assert host.leftovers(experiment) == ()
    running = host.active()
    session = os.getsid(running.pid) if running else None
    assert {os.getsid(pid) for pid in processes_using(home)} <= {session}
    if running:
        assert is_collector(running.pid)
        assert host.exit_reason(running.place) is None
    assert (running.place if running else None) == _by_the_ledger(experiment)


def _by_the_ledger(experiment: str) -> object:
    """What an experiment that promoted says is active after it."""
    promoted = [e for e in compose().store.events(experiment) if e.step == "promote@local"]
    last = next(e for e in reversed(promoted) if e.kind in (EventKind.INTENT, EventKind.UNDONE))
    return last.data["place"] if last.kind is EventKind.INTENT else last.data["active"]


@contextmanager
def critical_processes(folder: Path) -> Generator[None]:
    """What the experiments name as critical lives also where no load is simulated, as it does in production."""
    with ExitStack() as stack:
        for name in ("nginx", "postgres"):
            (folder / name).symlink_to(str(shutil.which("sleep")))
            process = stack.enter_context(subprocess.Popen([folder / name, "3600"]))
            stack.callback(process.kill)
        yield


def remove_production() -> None:
    """End the active pipeline, as nobody does in production."""
    host = compose().hosts.open("local")
    running = host.active()
    if running is None:
        return
    lease = host.acquire("exp-00000000", timedelta(minutes=1))
    host.activate(None, lease)
    host.stop_collector(running.place)
    host.release(lease.holder)


def judged_copy(record, document):
    """Another experiment with the same verdict, reported: what may be promoted without measuring once more."""
    copy = replace(
        record,
        id=f"exp-{secrets.token_hex(4)}",
        name="copy",
        document=document,
        outcome=Outcome.REPORTED,
        created_at=datetime.now(UTC),
        error="",
    )
    store = compose().store
    store.create(copy)
    store.append(copy.id, EventKind.DONE, "compare", {"verdict": "PROMOTE"})
    return copy


def promote_and_die(after: str, experiment: str) -> subprocess.CompletedProcess[str]:
    """Drive the promotion in a process that kills itself after a step (tests/support/mortal_driver.py)."""
    driver = [sys.executable, "-m", "tests.support.mortal_driver", after, experiment]
    return subprocess.run(driver, capture_output=True, text=True, timeout=90, check=False)
