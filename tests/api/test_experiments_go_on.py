"""An experiment that a server started is not the server's: it goes on when that is killed, and the next one finds it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.experiments import QUICK
from tests.support.leftovers import live_pids
from tests.support.phoenix_server import Server, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

PATIENCE = 600


def document(name: str) -> dict[str, object]:
    spec = {**QUICK, "targets": [f"local://{name}"], "load": {**QUICK["load"], "processes": 8}}
    envelope = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": name}}
    return {"document": {**envelope, "spec": spec}}


def asked(server: Server, path: str) -> dict[str, Any]:
    return httpx.get(f"{server.url}/api/v1{path}", timeout=60).json()


def awaited(server: Server, path: str, is_so: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = asked(server, path)
        return found if is_so(found) else None

    return eventually(look, seconds=PATIENCE, what=what)


def test_an_experiment_goes_on_when_its_server_is_killed_and_the_next_one_shows_it(tmp_path: Path):
    with running(tmp_path) as server:
        body = document("goes-on")
        made = httpx.post(f"{server.url}/api/v1/experiments", json=body, timeout=120)
        assert made.status_code == 201, made.text
        path = f"/experiments/{made.json()['id']}"
        awaited(server, path, lambda one: one["phase"] == "measuring", "the measuring")
        before = asked(server, f"{path}/events")
        server.kill()
        server.start()
        over = awaited(server, path, lambda one: one["finishedAt"] is not None, "the end")
        assert (over["phase"], over["error"]) == ("completed", None)
        assert over["verdict"] in ("PROMOTE", "INCONCLUSIVE")
        after = asked(server, f"{path}/events?after={before['cursor']}")["items"]
        sequences = [event["sequence"] for event in (*before["items"], *after)]
        assert sequences == sorted(set(sequences))
        assert sequences == [event["sequence"] for event in asked(server, f"{path}/events")["items"]]
        assert asked(server, f"{path}/metrics")["hosts"][0]["scrapes"] >= 27
        assert not live_pids(made.json()["id"])


def test_an_experiment_of_a_server_is_stopped_over_the_api_and_cleans_up(tmp_path: Path):
    with running(tmp_path) as server:
        made = httpx.post(f"{server.url}/api/v1/experiments", json=document("stopped"), timeout=120).json()
        path = f"/experiments/{made['id']}"
        awaited(server, path, lambda one: one["phase"] in ("warming_up", "measuring"), "the scrapes")
        answer = httpx.post(f"{server.url}/api/v1{path}/stop", json={"reason": "enough"}, timeout=120)
        assert answer.status_code == 200, answer.text
        over = awaited(server, path, lambda one: one["finishedAt"] is not None, "the end")
        assert (over["phase"], over["stopRequested"]) == ("stopped", "enough")
        assert not live_pids(made["id"])
