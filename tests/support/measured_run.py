"""A real measurement of two real collectors, for a PID namespace of its own; prints JSON.

python -m tests.support.measured_run BINARY FOLDER IDLE TICKS
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from phoenix.adapters import agent_archive
from phoenix.adapters.hosts.local import local_host
from phoenix.adapters.ports import CollectorLaunch
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.samples import ArmSample, Scrape
from phoenix.manifests.collector import own_part_of_file
from phoenix.manifests.slots import slot_config
from phoenix.services.measuring.measurement import Measurement
from phoenix.services.measuring.ticker import Ticker

INTERVAL = timedelta(seconds=1)
WARMUP = 4
BUSY = "import time\nwhile True:\n sum(range(200000))\n time.sleep(0.02)"
CRITICAL = ("^nginx$",)

SCRAPER = {
    "mute_process_all_errors": True,
    "metrics": {"process.threads": {"enabled": True}},
    "resource_attributes": {"process.command_line": {"enabled": False}},
}
TOPK = {"k": 1, "critical": "^nginx$$", "window": "10s", "rest": "aggregate"}


def pipeline(*processors: tuple[str, object]) -> dict[str, object]:
    chain = [
        ("memory_limiter", {"check_interval": "1s", "limit_mib": 256}),
        *processors,
        ("batch", {"timeout": "100ms"}),
    ]
    return {
        "receivers": {"host_metrics": {"collection_interval": "1s", "scrapers": {"process": SCRAPER}}},
        "processors": dict(chain),
        "service": {
            "pipelines": {
                "metrics": {"receivers": ["host_metrics"], "processors": [name for name, _ in chain]}
            }
        },
    }


def population(folder: Path, idle: int, stack: ExitStack) -> None:
    """Two busy processes by the name of nginx, and idle ones."""
    nginx = folder / "nginx"
    nginx.symlink_to(sys.executable)
    for command in [[str(nginx), "-c", BUSY]] * 2 + [["sleep", "600"]] * idle:
        process = stack.enter_context(subprocess.Popen(command))
        stack.callback(process.kill)


def told(sample: ArmSample | None) -> dict[str, object]:
    assert sample is not None
    return {
        **{metric.value: value for metric, value in sample.values.items()},
        "critical": sample.critical,
        "missed": [f"{p.name} {p.pid}" for p in sample.missed],
        "age": sample.export_age_seconds,
        "received": sample.points_received,
        "error": sample.error,
    }


def run(binary: Path, folder: Path, idle: int, ticks: int) -> None:
    agent = agent_archive.write_to(folder / "agent")
    host = local_host("local", folder / "host", binary, lambda: agent)
    with ExitStack() as stack:
        population(folder, idle, stack)
        lease = host.acquire("exp-1", timedelta(minutes=2))
        stack.callback(host.clear, "exp-1")
        running = []
        for place, own in (("baseline", pipeline()), ("candidate", pipeline(("topk", TOPK)))):
            config = dump_yaml(slot_config(own_part_of_file(own)).config)
            launch = CollectorLaunch("exp-1", place, "0" * 64, config, timedelta(minutes=2))
            running.append(host.start_collector(place, launch, lease))
        census = stack.enter_context(host.open_census("exp-1", timedelta(minutes=2)))
        measurement = Measurement(host, *running, census, CRITICAL, INTERVAL)
        ticker = Ticker(INTERVAL, threading.Event())
        for number, _ in ticker.ticks(ticks):
            began = time.process_time()
            scrape = measurement.scrape(number, ticker.elapsed, measured=number > WARMUP)
            cost = time.process_time() - began
            if number == WARMUP - 1:
                ticker.align(ages(scrape))
            if number == WARMUP + 2:
                late = stack.enter_context(subprocess.Popen(["sleep", "602"]))
                stack.callback(late.kill)
            alive = len(census.take((), INTERVAL).processes)
            arms = {"baseline": told(scrape.baseline), "candidate": told(scrape.candidate)}
            print(json.dumps({"processes": alive, "cpu_seconds": cost, **arms}), flush=True)


def ages(scrape: Scrape) -> list[float]:
    samples = (scrape.baseline, scrape.candidate)
    return [s.export_age_seconds for s in samples if s is not None and s.export_age_seconds is not None]


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
