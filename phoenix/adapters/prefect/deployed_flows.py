"""Flows as runs of a Prefect deployment: a worker of the pool takes them, wherever it is."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from phoenix.adapters.ports import FlowProcess
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.names import POOL
from phoenix.domain.errors import DependencyError

DEPLOYMENTS = {
    "experiment": "experiment/recorded",
    "promotion": "promotion/promotion",
    "rollback": "rollback/rollback",
}
"""By flow, the deployment that takes an experiment's id."""

DOOR_PATIENCE_SECONDS = 3.0
"""For one answer, while a person waits; there are up to four of them."""

BUSY_SECONDS = 20.0
"""How long a person waits for a server that is there, but too busy to note one run more."""

LAST_LINES = 5

_LOOK_SECONDS = 0.5
"""A look costs the server some ms; the ledger, which is shown meanwhile, is read as often."""

_OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_NOT_BEGUN = ("SCHEDULED", "PENDING")
_SILENCE_SECONDS = 10.0
"""How long a server may be silent until the ledger's word, that the experiment is over, is enough."""


class UnsuitableError(Exception):
    """No worker there can take a run up; in words for a person."""


class DeployedFlowRunner:
    """Hands flows to the workers of a server.

    Args:
        api: Of the server; impatient, for a person waits.
        ui_url: Where people look at it.
        store_tag: Of this installation's store: a worker with another one would not find the experiment.
        hand_over: Called with an experiment's id before a worker may take it: nobody drives it from then on.
        is_over: Whether the ledger says that nobody drives an experiment and that it is over.
    """

    def __init__(
        self,
        api: PrefectApi,
        ui_url: str,
        store_tag: str,
        hand_over: Callable[[str], object],
        is_over: Callable[[str], bool],
    ) -> None:
        self._api = api
        self._ui_url = ui_url
        self._store_tag = store_tag
        self._hand_over = hand_over
        self._is_over = is_over

    def start(self, flow: str, experiment: str, reason: str = "") -> FlowProcess:
        """Start it as a run that a worker takes up.

        Raises:
            UnsuitableError: No worker there can take it; nothing was started.
            DependencyError: The server does not answer, or refuses us.
        """
        name = DEPLOYMENTS[flow]
        deployment = self._deployment(name)
        self._refuse_without_worker()
        request: dict[str, Any] = {
            "parameters": {"experiment": experiment, **({"reason": reason} if reason else {})},
            "tags": [experiment],
            # Asked twice because the server was busy is asked once; a promotion that failed may be asked for anew.
            "idempotency_key": experiment if flow == "experiment" else str(uuid4()),
        }
        if flow == "experiment":
            self._hand_over(experiment)
        run = self._created(deployment, request)
        return DeployedFlow(
            self._api, run, f"{self._ui_url}/runs/flow-run/{run}", lambda: self._is_over(experiment)
        )

    def withdraw(self, experiment: str) -> None:
        """Cancel its runs that have not begun.

        Raises:
            DependencyError: The server does not answer, or refuses us.
        """
        wanted = {"tags": {"all_": [experiment]}, "state": {"type": {"any_": list(_NOT_BEGUN)}}}
        found = self._api.post("/flow_runs/filter", {"flow_runs": wanted})
        for run in found.body if found else ():
            _cancel(self._api, run["id"])

    def _deployment(self, name: str) -> str:
        found = self._api.get(f"/deployments/name/{name}")
        if found is None:
            raise UnsuitableError(f"{name} is not registered there: python -m flows.registration")
        if self._store_tag not in found.body["tags"]:
            raise UnsuitableError("its workers keep their experiments in another store")
        return str(found.body["id"])

    def _created(self, deployment: str, request: dict[str, Any]) -> str:
        """The id of the flow run; a server that was just seen to work may be busy for a moment."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                created = self._api.post(f"/deployments/{deployment}/create_flow_run", request)
            except DependencyError as refusal:
                if refusal.code != "prefect_busy" or time.monotonic() > deadline:
                    raise
                continue
            if created is None:
                raise UnsuitableError("its deployment was removed a moment ago")
            return str(created.body["id"])

    def _refuse_without_worker(self) -> None:
        pool = self._api.get(f"/work_pools/{POOL}")
        if pool is not None and pool.body["is_paused"]:
            raise UnsuitableError(f"its work pool {POOL} is paused")
        wanted = {"workers": {"status": {"any_": ["ONLINE"]}}, "limit": 1}
        found = self._api.post(f"/work_pools/{POOL}/workers/filter", wanted)
        if found is None or not found.body:
            raise UnsuitableError(f"no worker of its pool {POOL} is online")


class DeployedFlow:
    """A flow as a run of a deployment.

    Args:
        api: Of its server.
        run: Its id there.
        url: Where people look at it.
        is_over: Whether the ledger says that its experiment is over.
    """

    def __init__(self, api: PrefectApi, run: str, url: str, is_over: Callable[[], bool]) -> None:
        self._api = api
        self._run = run
        self._url = url
        self._is_over = is_over
        self._looked_at = 0.0
        self._heard_at = time.monotonic()
        self._code: int | None = None

    def place(self) -> str:
        return f"handed to a worker, waiting for it; {self._url}"

    def poll(self) -> int | None:
        now = time.monotonic()
        if self._code is None and now - self._looked_at >= _LOOK_SECONDS:
            self._code = self._look()
            self._looked_at = time.monotonic()
        return self._code

    def interrupt(self) -> None:
        """One that has begun reads of the stop in the ledger, and cleans up."""
        with suppress(DependencyError):
            if self._state()["type"] in _NOT_BEGUN:
                _cancel(self._api, self._run)

    def last_words(self) -> str:
        with suppress(DependencyError):
            wanted = {"flow_run_id": {"any_": [self._run]}}
            asked = {"logs": wanted, "sort": "TIMESTAMP_DESC", "limit": LAST_LINES}
            state, logs = self._state(), self._api.post("/logs/filter", asked)
            lines = [entry["message"] for entry in reversed(logs.body if logs else ())]
            return "\n".join([f"{state['name']}: {state.get('message') or ''}".rstrip(": "), *lines])
        return ""

    def _look(self) -> int | None:
        try:
            state = self._state()
        except DependencyError:
            is_silent = time.monotonic() - self._heard_at > _SILENCE_SECONDS
            return 0 if is_silent and self._is_over() else None
        self._heard_at = time.monotonic()
        if state["type"] not in _OVER:
            return None
        return 0 if state["type"] == "COMPLETED" else 1

    def _state(self) -> dict[str, Any]:
        found = self._api.get(f"/flow_runs/{self._run}")
        if found is None:
            return {"type": "CRASHED", "name": "Deleted", "message": "its flow run was deleted in Prefect"}
        return found.body["state"]


def _cancel(api: PrefectApi, run: str) -> None:
    state = {"type": "CANCELLED", "name": "Cancelled", "message": "Stopped before it began."}
    api.post(f"/flow_runs/{run}/set_state", {"state": state, "force": False})
