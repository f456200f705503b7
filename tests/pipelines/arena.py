"""Runs all five catalog pipelines over a known population, alone in a PID namespace, and writes down what happened.

`unshare --pid --fork --kill-child --mount-proc python -m tests.pipelines.arena FOLDER` writes FOLDER/run.json.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from phoenix.adapters.ports import CollectorLaunch, Host, Lease, RunningCollector
from phoenix.adapters.scraping.exposition import ExpositionParser
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.composition import Phoenix, compose
from phoenix.domain.load.plan import PlannedPattern
from phoenix.domain.load.profile import Cpu, CpuShape, LoadPattern, Memory
from phoenix.domain.pipelines.pipeline import PipelineRef
from phoenix.manifests.slots import slot_config
from tests.pipelines.kernel import Kernel
from tests.support.leftovers import files_below, live_pids
from tests.support.waiting import eventually

OWNER = "exp-arena000"
INTERVAL = timedelta(seconds=3)
TICKS = 11
KILL_AT = 6
"""After this tick one busy process is killed; the load starts another one a second later."""

BUDGET = 150
K = 4
WINDOW = "6s"
"""Shorter than the default, so that what the processes used while they were started is forgotten within the run."""

BUSY_NAME = "batch-worker"
LARGE = {"cache-0": 140 << 20, "cache-1": 155 << 20, "cache-2": 170 << 20, "cache-3": 185 << 20}
"""Bytes by name: more than twice what a collector has."""

IDLE_NAME = "sleeper"
CRITICAL_NAMES = ("nginx", "postgres", "redis-server", "payment-api", "auth-svc")

PARAMETERS: Mapping[str, Mapping[str, object]] = {
    "process-baseline-v1": {},
    "process-priority-based-v1": {},
    "process-aggregated-v1": {},
    "process-topk-v1": {"k": K, "window": WINDOW},
    # So low that more processes qualify (busy, large, collectors) than there is room for: it is the budget that binds.
    "process-adaptive-filter-v1": {
        "max_series": BUDGET,
        "min_cpu": 0.001,
        "min_memory": "1MiB",
        "window": WINDOW,
    },
}

LIFETIME = timedelta(minutes=2)
FETCH = timedelta(seconds=5)


def planned(name: str, count: int, *, cores: float = 0.0, memory: int = 65536) -> dict[str, Any]:
    cpu = Cpu(shape=CpuShape.STEADY, cores=cores) if cores else Cpu()
    pattern = LoadPattern(names=(name,), count=count, cpu=cpu, memory=Memory(bytes=(memory, memory)))
    return PlannedPattern(name, count, pattern).message()


POPULATION = [
    *(planned(name, 1) for name in CRITICAL_NAMES),
    planned(BUSY_NAME, 4, cores=0.15),
    *(planned(name, 1, memory=size) for name, size in LARGE.items()),
    planned(IDLE_NAME, 296),
]
"""300 idle (four of them large), 5 critical, 4 busy."""


def start(
    phoenix: Phoenix, host: Host, lease: Lease, folder: Path, place: int, name: str
) -> RunningCollector:
    resolved = phoenix.pipelines.resolve(
        PipelineRef(pipeline=name, parameters=dict(PARAMETERS[name])),
        base_folder=folder,
        critical=[f"^{critical}$" for critical in CRITICAL_NAMES],
        scrape_interval=INTERVAL,
    )
    config = dump_yaml(slot_config(resolved.own).config)
    launch = CollectorLaunch(OWNER, name, resolved.own.version, config, LIFETIME)
    return host.start_collector(f"revision-{place}", launch, lease)


def read(host: Host, collector: RunningCollector, parser: ExpositionParser) -> list[list[Any]]:
    """A row for each series: metric, pid, executable name, mode, folded, value, collected at (s)."""
    rows: list[list[Any]] = []
    for key, value, at in parser.parse(host.fetch(collector.metrics_url, FETCH)).points:
        label = key.labels.get
        what = [label("process_pid"), label("process_executable_name"), label("state")]
        rows.append([key.name, *what, label("phoenix_folded"), value, (at or 0) / 1000])
    return rows


def await_memory() -> None:
    """The large processes have touched what they hold."""
    large = {p.name(): p for p in psutil.process_iter() if p.name() in LARGE}
    eventually(lambda: all(p.memory_info().rss >= 0.99 * LARGE[name] for name, p in large.items()))


def await_exports(host: Host, running: Mapping[str, RunningCollector]) -> None:
    """Every pipeline shows something."""
    for collector in running.values():
        eventually(lambda url=collector.metrics_url: bool(host.fetch(url, FETCH)))


def watch(host: Host, running: Mapping[str, RunningCollector]) -> dict[str, Any]:
    """Every tick: the kernel's table and what each pipeline exports."""
    kernel = Kernel(BUSY_NAME)
    parsers = {name: ExpositionParser() for name in running}
    ticks: list[dict[str, Any]] = []
    due = time.monotonic()
    for number in range(TICKS):
        time.sleep(max(0.0, due - time.monotonic()))
        due += INTERVAL.total_seconds()
        at, table = time.time(), kernel.table()
        exports = {name: read(host, collector, parsers[name]) for name, collector in running.items()}
        ticks.append({"at": at, "table": table, "exports": exports})
        if number == KILL_AT:
            os.kill(next(row["pid"] for row in table if row["name"] == BUSY_NAME), signal.SIGKILL)
    return {"ticks": ticks, "kernel": kernel.end()}


def main() -> None:
    folder = Path(sys.argv[1])
    home = folder / "home"
    os.environ["PHOENIX_HOME"] = str(home)
    phoenix = compose()
    host = phoenix.hosts.open("local")
    lease = host.acquire(OWNER, LIFETIME)
    try:
        with ExitStack() as stack:
            stack.enter_context(host.start_load(OWNER, {"seed": 7, "patterns": POPULATION}, LIFETIME))
            await_memory()
            running = {
                name: start(phoenix, host, lease, folder, place, name)
                for place, name in enumerate(PARAMETERS, 1)
            }
            await_exports(host, running)
            document = watch(host, running)
    finally:
        host.clear(OWNER)
        host.release(OWNER)
    document["left"] = {
        "by_host": host.leftovers(OWNER),
        "by_mark": sorted(live_pids(OWNER)),
        "files": sorted(files_below(home)),
    }
    (folder / "run.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main()
