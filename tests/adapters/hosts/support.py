"""Real parts for the tests of hosts, and the kernel's own view of what runs."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from phoenix.adapters import agent_archive
from phoenix.adapters.hosts.local import local_host as host_of
from phoenix.adapters.hosts.slot_host import SlotHost
from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.ports import CollectorLaunch
from phoenix.composition import compose

PATIENCE_SECONDS = 20.0
LONG = timedelta(seconds=120)
IDLE_LOAD = {"seed": 1, "patterns": [{"name": "idle-{n}", "count": 3, "cpu": {"shape": "idle"}}]}

CONFIG = """
receivers: {host_metrics: {collection_interval: 1s, scrapers: {load: {}}}}
exporters: {prometheus/phoenix: {endpoint: "${env:PHOENIX_METRICS_ADDRESS}"}}
extensions: {health_check/phoenix: {endpoint: "${env:PHOENIX_HEALTH_ADDRESS}"}}
service:
  extensions: [health_check/phoenix]
  telemetry:
    logs: {level: warn}
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: "${env:PHOENIX_TELEMETRY_HOST}", port: "${env:PHOENIX_TELEMETRY_PORT}"}}}}]
  pipelines: {metrics: {receivers: [host_metrics], exporters: [prometheus/phoenix]}}
"""
OTHER_CONFIG = CONFIG.replace("1s", "2s")
REFUSED_CONFIG = CONFIG.replace("host_metrics:", "no_such_receiver:")


def launch(
    owner: str = "exp-1",
    config: str = CONFIG,
    lifetime: timedelta | None = LONG,
    pipeline: str = "a-pipeline",
) -> CollectorLaunch:
    return CollectorLaunch(owner, pipeline, "0" * 64, config, lifetime)


def collector_binary() -> Path:
    found = compose().installer.find()
    if found is None:
        pytest.skip("the collector is not built: phoenix collector install")
    return found.path


def local_host(
    folder: Path, name: str = "local", binary: Path | None = None, machine: Machine | None = None
) -> SlotHost:
    agent = agent_archive.write_to(folder.parent / "agent")
    return host_of(name, folder, binary or collector_binary, lambda: agent, machine)


def of_folder(folder: Path) -> dict[int, str]:
    """Living processes that carry the mark of a host's folder or run its files, by psutil."""
    found: dict[int, str] = {}
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            is_marked = process.environ().get("PHOENIX_FOLDER") == str(folder)
            if is_marked or process.exe().startswith(f"{folder}/"):
                found[process.pid] = process.name()
        except (psutil.Error, OSError):
            continue
    return found


def await_that(claim: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


def assert_gone(folder: Path, seconds: float = PATIENCE_SECONDS) -> None:
    await_that(lambda: not of_folder(folder), f"no process of the host; left: {of_folder(folder)}", seconds)
