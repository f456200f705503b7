"""Small real experiments, and the command line that drives them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from phoenix.composition import compose
from tests.support.slowness import slowness
from tests.support.waiting import eventually

PHOENIX = Path(sys.executable).with_name("phoenix")

INTERVAL_SECONDS = 1 if slowness() < 2.5 else 2
"""Between scrapes: two collectors, their load and the run itself must keep to it, or the run is invalid, and says so."""

QUICK = {
    "baseline": {"pipeline": "process-baseline-v1"},
    "candidate": {"pipeline": "process-topk-v1", "parameters": {"k": 4}},
    "targets": ["local"],
    "load": {"profile": "realistic", "processes": 60, "seed": 7},
    "scrapeInterval": f"{INTERVAL_SECONDS}s",
    "warmup": 3,
    "minimumScrapes": 24,
    "maximumDuration": "2m",
    "criticalProcesses": ["^nginx$", "^postgres$"],
    "objective": {"metric": "series", "minimumReduction": 0.3},
    "guardrails": [{"metric": "critical_retention", "minimum": 1.0}],
    "onPromote": "report",
    "watch": "5s",
}
"""As short as an experiment can be: 3 scrapes to warm up and 24 to judge, one a second where the machine keeps to that."""


DROPS_NGINX = {
    "receivers": {
        "host_metrics": {
            "collection_interval": f"{INTERVAL_SECONDS}s",
            "scrapers": {
                "process": {
                    "mute_process_all_errors": True,
                    "metrics": {"process.threads": {"enabled": True}},
                    "resource_attributes": {"process.command_line": {"enabled": False}},
                }
            },
        }
    },
    "processors": {
        "memory_limiter": {"check_interval": "1s", "limit_mib": 256},
        "filter/quiet": {"metrics": {"resource": ['attributes["process.executable.name"] == "nginx"']}},
        "batch": {"timeout": "200ms"},
    },
    "exporters": {"debug": {}},
    "service": {
        "pipelines": {
            "metrics": {
                "receivers": ["host_metrics"],
                "processors": ["memory_limiter", "filter/quiet", "batch"],
                "exporters": ["debug"],
            }
        }
    },
}
"""What its author meant to keep: a filter drops what matches."""


def dropping_candidate(folder: Path) -> dict[str, str]:
    """A pipeline that loses nginx, as a spec names it: its experiment ends in ROLL_BACK after a few scrapes."""
    (folder / "quiet.yaml").write_text(yaml.safe_dump(DROPS_NGINX))
    return {"file": "quiet.yaml"}


def write_spec(folder: Path, name: str = "quick", **changes: Any) -> Path:
    """An experiment file: QUICK with some fields changed; None removes a field."""
    spec = {key: value for key, value in {**QUICK, **changes}.items() if value is not None}
    document = {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": spec,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


class Command:
    """A `phoenix` command that runs."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [PHOENIX, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def result(self, seconds: float = 180) -> "Result":
        out, err = self.process.communicate(timeout=seconds)
        return Result(self.process.returncode, out, err)


class Result:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> dict[str, Any]:
        assert self.out, self.err
        return json.loads(self.out)


def phoenix(*arguments: str | Path, seconds: float = 180) -> Result:
    """Run a command to its end."""
    return Command(*arguments).result(seconds)


def newest():
    """The newest experiment of the home in use; None if there is none yet."""
    if not (Path(os.environ["PHOENIX_HOME"]) / "phoenix.db").exists():
        return None
    records = compose().experiments.list(1)
    return records[0] if records else None


def await_phase(*phases: str, seconds: float = 300):
    """Wait until the newest experiment is in one of the phases; returns its record. Patience, not a measure."""

    def reached():
        record = newest()
        return record if record is not None and record.phase.value in phases else None

    return eventually(reached, seconds=seconds, what=f"phase {' or '.join(phases)}")
