"""A store as large as a year makes it: what a server's answers cost then, in its own CPU."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from phoenix.adapters.store.encoding import encode_scrape
from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.rows import record_row
from phoenix.adapters.store.tables import EXPERIMENTS as EXPERIMENT_ROWS
from phoenix.adapters.store.tables import SCRAPES
from phoenix.composition import Phoenix
from phoenix.domain.phases import Phase
from phoenix.domain.record import ExperimentRecord
from tests.support import seen_experiments
from tests.support.api_server import phoenix_of
from tests.support.recorded import record_experiment
from tests.support.seen_experiments import trace_scrapes
from tests.support.slowness import slowness

pytestmark = pytest.mark.real

EXPERIMENTS, SCRAPES_EACH = 1000, 1440


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """1,000 experiments; every one has 1,440 scrapes."""
    home = tmp_path_factory.mktemp("large")
    found = phoenix_of(home)
    trace = trace_scrapes(count=200)
    bodies = [
        {**encode_scrape(trace[number % len(trace)]), "number": number + 1, "at_seconds": 1.0 * number}
        for number in range(SCRAPES_EACH)
    ]
    records = [
        replace(
            seen_experiments.record(
                (), Phase.COMPLETED, document=seen_experiments.document(f"large-{number % 50}")
            ),
            id=f"exp-{number:08}",
            name=f"large-{number % 50}",
        )
        for number in range(EXPERIMENTS)
    ]
    found.store.newest_event()
    _fill(home, records, bodies)
    yield found
    shutil.rmtree(home)  # a gigabyte


def _fill(home: Path, records: list[ExperimentRecord], bodies: list[dict[str, object]]) -> None:
    """In one transaction, the scrapes copied by the database: as rows they are what runs write."""
    engine = open_engine(f"sqlite:///{home / 'phoenix.db'}")
    first = records[0].id
    rows = [{"experiment": first, "number": body["number"], "host": "local", "body": body} for body in bodies]
    with engine.begin() as connection:
        connection.execute(insert(EXPERIMENT_ROWS), [record_row(record) for record in records])
        connection.execute(insert(SCRAPES), rows)
        connection.exec_driver_sql(
            "INSERT INTO scrapes (experiment, number, host, body) SELECT e.id, s.number, s.host, s.body "
            "FROM experiments e JOIN scrapes s ON s.experiment = ? WHERE e.id <> ?",
            (first, first),
        )
    engine.dispose()


def cpu_of(act: Callable[[], object]) -> float:
    """The least of some turns, s: the rest is what else the machine did."""
    act()
    spent: list[float] = []
    for _ in range(5):
        began = time.process_time()
        act()
        spent.append(time.process_time() - began)
    return min(spent)


def test_a_page_of_the_list_is_quick_however_much_lies_behind_it(phoenix: Phoenix):
    operations = phoenix.experiment_operations("test")
    spent = cpu_of(lambda: operations.list(limit=50))
    print(f"list of 50 of {EXPERIMENTS}: {1000 * spent:.0f} ms of CPU, slowness {slowness():.1f}")
    assert spent <= 0.1 * slowness()


def test_the_metrics_of_one_are_quick(phoenix: Phoenix):
    operations = phoenix.experiment_operations("test")
    newest = phoenix.store.page(limit=1).records[0].id
    document = operations.metrics(newest, points=500)
    (host,) = document["hosts"]
    assert (host["scrapes"], host["perPoint"], len(host["number"])) == (SCRAPES_EACH, 3, 480)
    spent = cpu_of(lambda: operations.metrics(newest, points=500))
    print(f"{SCRAPES_EACH} scrapes to 500 points: {1000 * spent:.0f} ms of CPU, slowness {slowness():.1f}")
    assert spent <= 0.15 * slowness()


def test_paging_through_all_sees_each_once_while_others_are_created(phoenix: Phoenix):
    operations = phoenix.experiment_operations("test")
    seen: list[str] = []
    before: str | None = None
    while True:
        page = operations.list(limit=200, before=before)
        seen += [item["id"] for item in page["items"]]
        record_experiment(phoenix.store, "newer")
        before = page["next"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == EXPERIMENTS
