"""The live events under load: how late they are, and that nothing is lost, doubled or hoarded."""

import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.domain.record import EventKind
from tests.adapters.store import postgresql
from tests.support.phoenix_server import Server, running
from tests.support.recorded import record_experiment
from tests.support.slowness import slowness

pytestmark = pytest.mark.real

EVERY_SECONDS = 0.1
"""Between two writes: an experiment on many hosts writes less."""


@contextmanager
def readers(**asked: object) -> Generator["subprocess.Popen[str]"]:
    """Started, connected and waiting; what they saw is on their standard output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.live_readers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(asked))
    process.stdin.close()
    process.stdin = None
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def await_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said == "ready\n", said + process.stderr.read()


def seen_by(process: "subprocess.Popen[str]", seconds: float) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return json.loads(out)


def store_of(url_or_home: Path | str) -> SqlExperimentStore:
    url = f"sqlite:///{url_or_home / 'phoenix.db'}" if isinstance(url_or_home, Path) else url_or_home
    return SqlExperimentStore(open_engine(url))


def p95(delays: list[float]) -> float:
    return quantiles(delays, n=20)[-1]


def write(store: SqlExperimentStore, experiment: str, count: int, every: float = EVERY_SECONDS) -> list[int]:
    """Write so many events, one after the other, not faster than that."""
    began, written = time.monotonic(), []
    for turn in range(count):
        time.sleep(max(0.0, began + turn * every - time.monotonic()))
        sent = {"sent": time.monotonic(), "padding": "x" * 150}
        written.append(store.append(experiment, EventKind.NOTE, f"load-{turn}", sent))
    return written


def share_within(server: Server, limit: float) -> float:
    """Of all events, how many reached a waiting reader in that time, by the server's own count."""
    text = httpx.get(f"{server.url}/metrics", timeout=60).text
    for family in text_string_to_metric_families(text):
        if family.name == "phoenix_api_live_delay_seconds":
            buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
            le = min((b for b in buckets if float(b) >= limit), key=float)
            return buckets[le] / buckets["+Inf"]
    raise AssertionError("the server counts no delays")


@contextmanager
def echo_server() -> Generator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.echo_server"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait(30)


def test_fifty_readers_are_told_in_time_and_hardly_later_than_a_bare_echo(tmp_path: Path):
    count, many = 150, 50
    store = store_of(tmp_path)
    experiment = record_experiment(store, "load").id
    ours: list[float] = []
    echoes: list[float] = []
    with running(tmp_path) as server, echo_server() as echo:
        for _ in range(2):  # alternated
            place = store.newest_event()
            with readers(url=server.socket_url, readers=many, after=place, until=place + count) as process:
                await_ready(process)
                write(store, experiment, count)
                ours += [delay for one in seen_by(process, 120) for delay in one["delays"]]
            with readers(url=echo, readers=many, until=count, echo_every=EVERY_SECONDS) as process:
                echoes += [delay for one in seen_by(process, 120) for delay in one["delays"]]
        limit = 0.05 * max(1.0, slowness() / 2)
        share = share_within(server, limit)
    print(
        f"p95 {1000 * p95(ours):.1f} ms, of a bare echo {1000 * p95(echoes):.1f} ms, {share:.1%} within {limit:.2f} s"
    )
    assert len(ours) == 2 * many * count
    assert share >= 0.95
    assert p95(ours) <= 3 * p95(echoes)


def hold(home: Path, store: SqlExperimentStore, seconds: float, *, many: int = 200) -> None:
    """Many readers, who lose their connection again and again: nothing is lost, doubled or hoarded."""
    experiment = record_experiment(store, "long").id
    count = int(seconds / EVERY_SECONDS)
    with running(home) as server:
        place = store.newest_event()
        with readers(
            url=server.socket_url, readers=many, after=place, until=place + count, drops=200
        ) as process:
            await_ready(process)
            written = write(store, experiment, count // 4)
            settled = server.memory()
            written += write(store, experiment, count - count // 4)
            grown = server.memory() - settled
            seen = seen_by(process, 120)
    assert [one["cursors"] for one in seen] == [written] * many
    reconnects = sum(one["reconnects"] for one in seen)
    print(f"{many} readers, {count} events, {reconnects} reconnects, {grown / 2**20:+.1f} MiB")
    assert reconnects >= many * count / 200 / 2
    assert grown < 24 * 2**20, f"the server grew by {grown / 2**20:.1f} MiB"


def test_two_hundred_readers_for_a_minute(tmp_path: Path):
    hold(tmp_path, store_of(tmp_path), 60)


@pytest.mark.soak
def test_two_hundred_readers_for_ten_minutes(tmp_path: Path):
    hold(tmp_path, store_of(tmp_path), 600)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'phoenix.db'}"
    elif why := postgresql.why_missing():
        pytest.skip(why)
    else:
        with postgresql.server() as url:
            yield url


def test_readers_of_a_server_that_is_killed_see_every_event_once(tmp_path: Path, database: str):
    store = store_of(database)
    experiment = record_experiment(store, "killed").id
    write(store, experiment, 1)
    with running(tmp_path, database) as server:
        place = store.newest_event()
        with readers(url=server.socket_url, readers=20, after=place, until=place + 120) as process:
            await_ready(process)
            written = write(store, experiment, 40)
            server.kill()
            written += write(store, experiment, 40)
            server.start()
            written += write(store, experiment, 40)
            seen = seen_by(process, 120)
    assert [one["cursors"] for one in seen] == [written] * 20
    assert all(one["reconnects"] for one in seen)
