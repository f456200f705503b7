"""Many experiments at once: by several workers on PostgreSQL, by one worker on SQLite; nothing lost, nothing held twice."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from phoenix.composition import Phoenix
from phoenix.domain.record import EventKind, ExperimentRecord
from phoenix.services.announcing.occurrences import occurrences
from phoenix.settings import Settings
from tests.adapters.store import postgresql
from tests.support.control_plane import ControlPlane
from tests.support.experiments import dropping_candidate, write_spec
from tests.support.leftovers import live_pids
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

SECONDS_EACH = 90
"""Patience for one experiment on a loaded machine of two cores; they share it."""


@dataclass(frozen=True, slots=True)
class Site:
    """A control plane, and the services of a person on its machine.

    Attributes:
        postgresql_url: Of the PostgreSQL server; None on SQLite.
    """

    plane: ControlPlane
    phoenix: Phoenix
    postgresql_url: str | None


@pytest.fixture
def on_postgresql(tmp_path, monkeypatch) -> Generator[Site]:
    """Both databases on one PostgreSQL server, four workers."""
    if why := postgresql.why_missing():
        pytest.skip(why)
    with postgresql.server() as url:
        socket = parse_qs(urlsplit(url).query)["host"][0]
        _create_databases(url, "phoenix", "prefect")
        variables = {
            "PHOENIX_DATABASE_URL": f"postgresql+psycopg://phoenix@/phoenix?host={socket}",
            "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://phoenix@/prefect?host={socket}",
        }
        yield from _site(tmp_path, monkeypatch, variables, url, "--workers", "4")


@pytest.fixture
def on_sqlite(tmp_path, monkeypatch) -> Generator[Site]:
    """Both databases in files, one worker."""
    yield from _site(tmp_path, monkeypatch, {}, None)


def _site(folder, monkeypatch, variables, url, *arguments: str) -> Generator[Site]:
    home = folder / "home"
    monkeypatch.setenv("PHOENIX_HOME", str(home))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with ControlPlane(home, *arguments, variables=variables) as plane:
        yield Site(plane, Phoenix(Settings()), url)


def _create_databases(url: str, *names: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")


def run_all(site: Site, folder: Path, count: int, at_once: int) -> list[ExperimentRecord]:
    """So many experiments, each on a host of its own, by workers; waits until all are over."""
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import WorkPoolUpdate

    with SyncPrefectClient(site.plane.api_url) as client:
        client.update_work_pool("phoenix", WorkPoolUpdate(concurrency_limit=at_once))
    candidate, started = dropping_candidate(folder), []
    for number in range(count):
        name = f"scale-{number}"
        load = {"profile": "realistic", "processes": 8, "seed": number}
        spec = write_spec(folder, name, candidate=candidate, targets=[f"local://{name}"], load=load)
        record = site.phoenix.experiments.create(site.phoenix.drafts.read(spec))
        site.phoenix.experiments.start(record)
        started.append(record.id)

    def ended() -> list[ExperimentRecord]:
        records = [site.phoenix.store.get(experiment) for experiment in started]
        return records if all(record.phase.is_over for record in records) else []

    return eventually(ended, seconds=SECONDS_EACH * count, what="all experiments to be over")


def assert_sound(site: Site, records: list[ExperimentRecord]) -> None:
    fences = {}
    for record in records:
        ledger = site.phoenix.store.events(record.id)
        assert (record.result or {}).get("verdict"), f"{record.name}: {record.phase} {record.error}"
        outcomes = [e.step for e in ledger if e.kind in (EventKind.DONE, EventKind.FAILED, EventKind.UNDONE)]
        assert {e.step for e in ledger if e.kind is EventKind.INTENT} <= set(outcomes)
        assert len({e.sequence for e in ledger}) == len(ledger)
        fences[record.name] = [
            e.data["fence"] for e in ledger if e.kind is EventKind.DONE and e.step.startswith("lease@")
        ]
        host = site.phoenix.hosts.open(f"local://{record.name}")
        assert host.lease() is None
        assert host.leftovers(record.id) == ()
        assert not live_pids(record.id)
    assert fences == {record.name: [1] for record in records}


def assert_everything_was_announced(site: Site, records: list[ExperimentRecord]) -> None:
    for record in records:
        told = occurrences(record, site.phoenix.store.events(record.id))
        wanted = sorted(f"phoenix.experiment.{occurrence.what}" for occurrence in told)
        eventually(lambda r=record, w=wanted: _events(site, r) == w, what=f"the events of {record.name}")


def _events(site: Site, record: ExperimentRecord) -> list[str]:
    wanted = {"resource": {"id": [f"phoenix.experiment.{record.id}"]}, "event": {"prefix": ["phoenix."]}}
    with site.plane._client() as client:
        answer = client._client.post("/events/filter", json={"filter": wanted, "limit": 50})
    return sorted(event["event"] for event in answer.json()["events"])


def assert_no_zombies(site: Site, records: list[ExperimentRecord]) -> None:
    def states() -> list[str]:
        with site.plane._client() as client:
            runs = client.read_flow_runs()
        ours = {record.id for record in records}
        return [run.state.name for run in runs if ours & set(run.tags)]

    eventually(lambda: states() == ["Completed"] * len(records), seconds=300, what="all flow runs to be over")


def assert_no_deadlock(url: str) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT sum(deadlocks) FROM pg_stat_database").fetchone() == (0,)


def all_is_well(site: Site, folder: Path, count: int, at_once: int) -> None:
    records = run_all(site, folder, count, at_once)
    assert len(records) == count
    assert_sound(site, records)
    assert_no_zombies(site, records)
    assert_everything_was_announced(site, records)
    if site.postgresql_url is not None:
        assert_no_deadlock(site.postgresql_url)


def test_four_workers_on_postgresql_share_six_experiments(on_postgresql, tmp_path):
    all_is_well(on_postgresql, tmp_path, 6, at_once=4)


@pytest.mark.soak
def test_four_workers_on_postgresql_share_twenty_experiments(on_postgresql, tmp_path):
    all_is_well(on_postgresql, tmp_path, 20, at_once=4)


@pytest.mark.soak
def test_one_worker_on_sqlite_carries_out_twenty_experiments(on_sqlite, tmp_path):
    all_is_well(on_sqlite, tmp_path, 20, at_once=2)
