"""Real pipelines on hosts of this machine: small configurations, and who serves by the kernel's process table."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from phoenix.composition import Phoenix, compose
from tests.support.waiting import eventually


def write_pipeline(
    folder: Path,
    name: str,
    *,
    port: int | None = None,
    interval: str = "1s",
    otlp: int | None = None,
    exporters: Any = None,
    **changes: Any,
) -> str:
    """A collector configuration whose first points come at once; scraped at `port`, taking OTLP at `otlp`."""
    scraper = {
        "mute_process_all_errors": True,
        "resource_attributes": {"process.command_line": {"enabled": False}},
    }
    receiver = {"collection_interval": interval, "initial_delay": "10ms", "scrapers": {"process": scraper}}
    scraped = {
        "prometheus": {
            "endpoint": f"127.0.0.1:{port}",
            "send_timestamps": True,
            "resource_to_telemetry_conversion": {"enabled": True},
        }
    }
    chosen = exporters or (scraped if port else {"debug": {}})
    receivers: dict[str, Any] = {
        "host_metrics": {k: v for k, v in {**receiver, **changes}.items() if v is not None}
    }
    if otlp:
        receivers["otlp"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}
    document = {
        "receivers": receivers,
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_mib": 256},
            f"batch/{name}": {"timeout": "20ms"},
        },
        "exporters": chosen,
        "service": {
            "pipelines": {
                "metrics": {
                    "receivers": list(receivers),
                    "processors": ["memory_limiter", f"batch/{name}"],
                    "exporters": list(chosen),
                }
            }
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def collectors(folder: Path) -> set[int]:
    """Pids of the collectors of a host, by the marks in their environment; what runs them apart."""
    found: set[int] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            is_ours = process.environ().get("PHOENIX_FOLDER") == str(folder)
            if is_ours and process.name() == "otelcol-phoenix" and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found


def folder_of(target: str = "local") -> Path:
    """Of a host of this machine."""
    hosts = Path(os.environ["PHOENIX_HOME"]).resolve() / "hosts"
    return hosts / (f"named/{target.partition('://')[2]}" if "://" in target else target)


def deploy(file: str, *targets: str, **options: Any):
    """Deploy by the services; every host must take it."""
    phoenix = compose()
    ended = phoenix.deployments.deploy(
        phoenix.pipelines.named(file), targets or ("local",), name="web", **options
    )
    for one in ended:
        assert one.fault is None, (one.target, one.fault, getattr(one.fault, "hint", ""))
    return [one.result for one in ended]


def delete(*targets: str) -> None:
    for one in compose().deployments.delete(targets or ("local",)):
        assert one.fault is None, one.fault
        assert not collectors(folder_of(one.target))


def assert_one_serves(phoenix: Phoenix, target: str = "local") -> str:
    """Exactly one collector runs, and it is what link and ledger say; returns the digest of its configuration."""
    host = phoenix.hosts.open(target)
    active = host.active()
    assert active is not None
    assert collectors(folder_of(target)) == {active.pid}
    assert host.exit_reason(active.place) is None
    (recorded,) = [one for one in phoenix.deployment_store.active() if one.host == target]
    assert (active.place, active.digest) == (f"revision-{recorded.number}", recorded.digest)
    assert_nothing_left(phoenix, target)
    return active.digest


def assert_nothing_left(phoenix: Phoenix, target: str = "local") -> None:
    store, host = phoenix.deployment_store, phoenix.hosts.open(target)
    assert store.pending() == store.owed() == ()
    assert host.lease() is None
    for owner in {one.owner for one in store.history(target)}:
        assert host.leftovers(owner) == ()


class Mortals:
    """Children that carry a verb out and die on the way (tests/support/mortal_deployments.py)."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal_deployments"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._parent.communicate(timeout=30)

    def run(self, verb: str, arguments: Sequence[Any], moment: int) -> tuple[int, list[str]]:
        """Its exit code, and the changes it made."""
        assert self._parent.stdin
        assert self._parent.stdout
        order = {"verb": verb, "arguments": list(arguments), "moment": moment}
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        changes: list[str] = []
        while "code" not in (line := json.loads(self._parent.stdout.readline())):
            changes = line["changes"]
        return line["code"], changes


def await_collectors(count: int, target: str = "local") -> None:
    eventually(lambda: len(collectors(folder_of(target))) == count, what=f"{count} collectors on {target}")
