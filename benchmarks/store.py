"""What a scrape costs in the store: bytes on the disk, time to write, time to read a whole run.

Run: `python benchmarks/store.py [SCRAPES] [HOSTS]`; figures of the last run stand in docs/decisions/0002.
"""

import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.experiments import SqlExperimentStore
from phoenix.domain.metrics import Metric
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.domain.samples import ArmSample, ProcessIdentity, Scrape

IDENTIFIER = "exp-benchmrk"


def arm(chance: random.Random, missed: int) -> ArmSample:
    """A sample in which everything was measured, each with a float's full digits."""
    return ArmSample(
        values={metric: chance.uniform(0, 1e6) for metric in Metric},
        critical=12,
        missed=tuple(ProcessIdentity(f"worker-{number}", 30_000 + number) for number in range(missed)),
        cpu_seconds=chance.uniform(0, 100),
        points_received=float(chance.randrange(10**7)),
        export_age_seconds=chance.random(),
        throttled_periods=0,
    )


def main(count: int = 360, hosts: int = 1) -> None:
    chance = random.Random(7)  # noqa: S311 - fills numbers, no secrets
    with tempfile.TemporaryDirectory(prefix="phoenix-bench-") as folder:
        engine = open_engine(f"sqlite:///{folder}/phoenix.db")
        store = SqlExperimentStore(engine)
        store.create(
            ExperimentRecord(IDENTIFIER, "bench", {}, Phase.MEASURING, Outcome.NONE, datetime.now(UTC))
        )
        empty = (Path(folder) / "phoenix.db").stat().st_size
        writes: list[float] = []
        for number in range(1, count + 1):
            scrapes = [
                Scrape(
                    number, f"web-{host}", 5.0 * number, 1.77e9 + number / 3, arm(chance, 0), arm(chance, 2)
                )
                for host in range(hosts)
            ]
            begun = time.perf_counter()
            store.add_scrapes(IDENTIFIER, scrapes)
            writes.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        assert len(store.scrapes(IDENTIFIER)) == count * hosts
        read = time.perf_counter() - begun
        engine.dispose()  # the last connection folds the write-ahead log into the file
        grown = (Path(folder) / "phoenix.db").stat().st_size - empty
    print(f"{count} ticks x {hosts} hosts, both arms in each scrape")
    print(f"on the disk   {grown / count / hosts:8.0f} bytes a scrape, {grown / 1024:.0f} KiB the run")
    print(f"to write      {median(writes) * 1e3:8.2f} ms a tick (median), {max(writes) * 1e3:.1f} ms at most")
    print(f"to read       {read * 1e3:8.1f} ms the run")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
