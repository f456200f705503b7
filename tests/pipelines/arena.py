"""Runs all five catalog pipelines over a known population, alone in a PID namespace, and writes down what happened.

`unshare --pid --fork --mount-proc python -m tests.pipelines.arena FOLDER` prints one JSON document. The kernel's side
is read by psutil, not by our census: it is the judge here.
"""

import json
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from phoenix.adapters.documents import dump_yaml
from phoenix.adapters.exposition import ExpositionParser
from phoenix.adapters.ports import CollectorLaunch
from phoenix.composition import compose
from phoenix.domain.pipeline import PipelineRef
from phoenix.manifests.slots import slot_config

INTERVAL = timedelta(seconds=2)
TICKS = 14
KILL_AT = 9
BUDGET = 150
K = 4
CRITICAL = ("^nginx$", "^postgres$", "^redis-server$", "^payment-api$", "^auth-svc$")
LIFETIME = timedelta(minutes=3)

PARAMETERS: dict[str, dict[str, object]] = {
    "process-baseline-v1": {},
    "process-priority-based-v1": {},
    "process-aggregated-v1": {},
    "process-topk-v1": {"k": K},
    "process-adaptive-filter-v1": {"max_series": BUDGET},
}


def pattern(name: str, count: int, *, cores: float = 0.0, memory: int = 65536) -> dict[str, Any]:
    shape = {"shape": "steady" if cores else "idle", "cores": cores, "period_seconds": 0.5}
    return {
        "name": name,
        "count": count,
        "cpu": shape,
        "memory_bytes": [memory, memory],
        "growth": None,
        "lifetime_seconds": None,
        "arguments": [],
        "unique_command_line": False,
    }


POPULATION = [
    *(pattern(name.strip("^$"), 1) for name in CRITICAL),
    pattern("batch-worker", 4, cores=0.12),
    *(pattern(f"cache-{number}", 1, memory=(220 + 20 * number) << 20) for number in range(4)),
    pattern("sleeper", 296),
]
"""300 idle (four of them large), 5 critical, 4 busy."""


class Kernel:
    """CPU time of the busy processes, read every 50 ms, so that it can be looked up at a point's own time."""

    def __init__(self, pids: list[int]) -> None:
        self._processes = {pid: psutil.Process(pid) for pid in pids}
        self._last = dict.fromkeys(pids, 0.0)
        self.history: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.05):
            for pid, process in list(self._processes.items()):
                try:
                    times = process.cpu_times()
                    self._last[pid] = times.user + times.system
                except psutil.NoSuchProcess:
                    del self._processes[pid]
            self.history.append((time.time(), sum(self._last.values())))

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def table() -> list[dict[str, Any]]:
    """The kernel's process table."""
    rows = []
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times = process.cpu_times()
                rows.append(
                    {
                        "pid": process.pid,
                        "name": process.name(),
                        "cpu": times.user + times.system,
                        "rss": process.memory_info().rss,
                    }
                )
        except psutil.NoSuchProcess:
            continue
    return rows


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["PHOENIX_HOME"] = str(folder)
    phoenix = compose()
    host = phoenix.hosts.open("local")
    lease = host.acquire("exp-arena000", LIFETIME)
    ticks: list[dict[str, Any]] = []
    try:
        with ExitStack() as stack:
            stack.enter_context(host.start_load("exp-arena000", POPULATION, 7, LIFETIME))
            running = {}
            for place, name in enumerate(PARAMETERS):
                reference = PipelineRef(pipeline=name, parameters=PARAMETERS[name])
                resolved = phoenix.pipelines.resolve(
                    reference, base_folder=folder, critical=CRITICAL, scrape_interval=INTERVAL
                )
                config = dump_yaml(slot_config(resolved.own).config)
                launch = CollectorLaunch("exp-arena000", name, resolved.own.version, config, LIFETIME)
                running[name] = host.start_collector(f"revision-{place + 1}", launch, lease)
            busy = [row["pid"] for row in table() if row["name"] == "batch-worker"]
            kernel = Kernel(busy)
            parsers = {name: ExpositionParser() for name in running}
            due = time.monotonic() + 2 * INTERVAL.total_seconds()
            for number in range(TICKS):
                time.sleep(max(0.0, due - time.monotonic()))
                due += INTERVAL.total_seconds()
                if number == KILL_AT:
                    os.kill(busy[0], signal.SIGKILL)
                exports = {}
                for name, collector in running.items():
                    snapshot = parsers[name].parse(host.fetch(collector.metrics_url, timedelta(seconds=5)))
                    exports[name] = [
                        {"metric": key.name, "labels": dict(key.labels), "value": value, "at": at}
                        for key, value, at in snapshot.points
                    ]
                ticks.append({"at": time.time(), "kernel": table(), "exports": exports})
            kernel.end()
    finally:
        host.clear("exp-arena000")
        host.release("exp-arena000")
    document = {"ticks": ticks, "busy": kernel.history, "left": host.leftovers("exp-arena000")}
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main()
