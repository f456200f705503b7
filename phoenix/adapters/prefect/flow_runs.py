"""The flow runs of a Prefect server, by its REST API."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from phoenix.adapters.prefect import host_turns
from phoenix.adapters.prefect.api import Answer, PrefectApi
from phoenix.adapters.prefect.labels import driver_in, experiment_in
from phoenix.adapters.prefect.names import POOL
from phoenix.domain.flow_run import FlowEnd, FlowRun, FlowState

FLOWS = ("experiment", "promotion", "rollback", "drift-check", "revalidation", "recovery")
"""Of Phoenix. Others may have flows of these names: what is ours shows by tag, labels or parameters."""

TAG = "phoenix"
"""Of every deployment of ours, and so of their runs."""

_WORKER = "prefect.worker.name"
"""A label that a worker gives to what it takes (prefect.workers.base)."""

_AT_ONCE = 200
"""The server gives no more in one answer."""

_DELETED_AT_ONCE = 50
"""The server deletes no more by one request."""

_ROUNDS = 10
"""What is left is taken away the next time."""

_LATE = timedelta(minutes=1)
_TOLD = timedelta(days=30)
"""How long a run is kept that had something to tell."""

_PLAIN = ("Completed", "Cancelled", "Incomplete")
"""Names of the states of the others: incomplete is each run for as long as one host does not answer, and cancelled is one
that was to begin while the last was at work."""

_EXPERIMENT_ID = re.compile(r"exp-[a-z0-9]{8}")


class ServerFlowRuns:
    """Flow runs on a server.

    Args:
        api: Of the server.
    """

    def __init__(self, api: PrefectApi) -> None:
        self._api = api

    def unfinished(self) -> tuple[FlowRun, ...]:
        flows = self._flows()
        if not flows:
            return ()
        answer = self._found(
            {"state": {"type": {"any_": [state.value for state in FlowState]}}}, flows, sort="START_TIME_ASC"
        )
        read = (_flow_run(entry, flows, answer.at) for entry in answer.body if _is_ours(entry))
        return tuple(sorted(read, key=lambda run: run.age, reverse=True))

    def is_waiting(self, experiment: str) -> bool:
        flows = self._flows()
        states = ["SCHEDULED", *(state.value for state in FlowState)]
        wanted = {"state": {"type": {"any_": states}}, "tags": {"all_": [experiment]}}
        return bool(flows and self._found(wanted, flows).body)

    def worker_silence(self, worker: str) -> timedelta | None:
        answer = self._api.post(
            f"/work_pools/{POOL}/workers/filter", {"workers": {}, "limit": _AT_ONCE, "offset": 0}
        )
        for entry in answer.body if answer else ():
            if entry["name"] == worker and answer and entry.get("last_heartbeat_time"):
                return max(timedelta(0), answer.at - _time(entry["last_heartbeat_time"]))
        return None

    def end(self, run: FlowRun, end: FlowEnd, message: str) -> bool:
        # Not by force: of a run that ended meanwhile the server keeps the end, and a refusal is no fault.
        state = {"type": end.value, "name": end.value.capitalize(), "message": message}
        answer = self._api.post(f"/flow_runs/{run.id}/set_state", {"state": state, "force": False})
        return answer is not None and answer.body["status"] == "ACCEPT"

    def give_back_turn(self, turn: str) -> None:
        host_turns.give_back(self._api, turn)

    def forget(self, flow: str, *, older_than: timedelta) -> int:
        deployment = self._api.get(f"/deployments/name/{flow}/{flow}")
        if deployment is None:
            return 0
        now = deployment.at

        def before(age: timedelta) -> dict[str, str]:
            return {"before_": (now - age).isoformat()}

        plain = {"state": {"name": {"any_": list(_PLAIN)}}, "end_time": before(older_than)}
        ended = {"type": {"any_": ["COMPLETED", "CANCELLED", "FAILED", "CRASHED"]}}
        told = {"state": ended, "end_time": before(max(_TOLD, older_than))}
        late = {"state": {"type": {"any_": ["SCHEDULED"]}}, "next_scheduled_start_time": before(_LATE)}
        return sum(self._deleted(deployment.body["id"], which) for which in (plain, told, late))

    def _deleted(self, deployment: str, which: Mapping[str, object]) -> int:
        wanted = {**which, "deployment_id": {"any_": [deployment]}}
        count = 0
        for _ in range(_ROUNDS):
            answer = self._api.post("/flow_runs/bulk_delete", {"flow_runs": wanted})
            gone = len(answer.body["deleted"]) if answer else 0
            count += gone
            if gone < _DELETED_AT_ONCE:
                break
        return count

    def _flows(self) -> dict[str, str]:
        """Names by id, of ours."""
        answer = self._api.post("/flows/filter", {"flows": {"name": {"any_": list(FLOWS)}}})
        return {entry["id"]: entry["name"] for entry in answer.body} if answer else {}

    def _found(
        self, wanted: Mapping[str, object], flows: Iterable[str], sort: str = "EXPECTED_START_TIME_ASC"
    ) -> Answer:
        of_ours = {"id": {"any_": list(flows)}}
        asked = {"flows": of_ours, "flow_runs": wanted, "sort": sort, "limit": _AT_ONCE}
        return self._api.post("/flow_runs/filter", asked) or Answer([], datetime.now(UTC))


def _is_ours(entry: Mapping[str, Any]) -> bool:
    named = str((entry.get("parameters") or {}).get("experiment", ""))
    is_labelled = driver_in(entry.get("labels")) is not None
    return is_labelled or TAG in entry["tags"] or bool(_EXPERIMENT_ID.fullmatch(named))


def _flow_run(entry: Mapping[str, Any], flows: Mapping[str, str], now: datetime) -> FlowRun:
    labels = entry.get("labels") or {}
    parameters = entry.get("parameters") or {}
    named = parameters.get("experiment") or (parameters.get("name") if "spec" in parameters else None)
    return FlowRun(
        id=entry["id"],
        name=entry["name"],
        flow=flows[entry["flow_id"]],
        state=FlowState(entry["state"]["type"]),
        age=max(timedelta(0), now - _time(entry["state"]["timestamp"])),
        driver=driver_in(labels),
        experiment=experiment_in(labels) or (named if isinstance(named, str) else None),
        worker=labels.get(_WORKER),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
