"""Flows run in a process of their own, and what a Prefect server has of them afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from phoenix.adapters.prefect.api import PrefectApi

FLOW_SECONDS = 300
"""Patience, not a measure."""


def run_flow(name: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m flows.NAME` to its end on the server of the environment; its flow run as that has it."""
    process = subprocess.run(
        [sys.executable, "-m", f"flows.{name}", *arguments],
        capture_output=True,
        text=True,
        timeout=FLOW_SECONDS,
        check=False,
    )
    runs = flow_runs(name.replace("_", "-"))
    assert runs, process.stderr
    return runs[0] | {"said": process.stdout + process.stderr, "code": process.returncode}


def server() -> PrefectApi:
    return PrefectApi(os.environ["PREFECT_API_URL"], os.environ)


def asked(path: str, body: Mapping[str, object]) -> Any:
    answer = server().post(path, body)
    return answer and answer.body


def flow_runs(flow: str) -> list[dict[str, Any]]:
    """Newest first."""
    return asked("/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"})


def state_of(run: str) -> tuple[str, str]:
    """Type and name of a flow run's state."""
    found = server().get(f"/flow_runs/{run}")
    assert found is not None
    return found.body["state"]["type"], found.body["state"]["name"]


def table(key: str) -> list[dict[str, Any]]:
    """The rows of the newest table artifact of a key."""
    (newest,) = asked("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}, "limit": 1})
    return json.loads(newest["data"]) if isinstance(newest["data"], str) else newest["data"]


def events(name: str, resources: Sequence[str]) -> list[dict[str, Any]]:
    """Events of a name about these resources, newest first."""
    wanted = {"event": {"name": [name]}, "resource": {"id": list(resources)}}
    return asked("/events/filter", {"filter": wanted, "limit": 50})["events"]
