"""The contract of `FlowRuns`, over the fake and over a real server."""

import os
import secrets
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient

from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.flow_runs import ServerFlowRuns
from phoenix.adapters.prefect.labels import labels_of
from phoenix.domain.flow_run import FlowEnd, FlowRun, FlowState
from phoenix.domain.record import Driver
from tests.fakes.flow_runs import FakeFlowRuns

DRIVER = Driver("machine/pid:[1]/boot", 4711, 12345)


class InMemory:
    """Flow runs of the fake."""

    def __init__(self) -> None:
        self.runs = FakeFlowRuns()

    def put(self, state: str, *, flow="experiment", driver=None, tags=("phoenix",), experiment=None) -> str:
        self.pass_time(timedelta(milliseconds=1))
        run_id = str(uuid4())
        lives = state in FlowState.__members__
        stands = FlowState(state) if lives else FlowState.RUNNING
        self.runs.add(
            FlowRun(run_id, "a-run", flow, stands, timedelta(0), driver, experiment),
            tags=tags,
            is_scheduled=state == "SCHEDULED",
            ended="" if lives or state == "SCHEDULED" else state.capitalize(),
            is_ours="phoenix" in tags or driver is not None,
        )
        return run_id

    def state(self, run_id: str) -> str | None:
        known = self.runs.known.get(run_id)
        return known and (known.ended or known.run.state.value.capitalize())

    def finish(self, run_id: str) -> None:
        self.runs.known[run_id].ended = "Completed"

    def pass_time(self, time: timedelta) -> None:
        for known in self.runs.known.values():
            known.run = replace(known.run, age=known.run.age + time)


class LaterApi(PrefectApi):
    """A server whose clock is ahead."""

    ahead = timedelta(0)

    def _ask(self, method, path, body):
        answer = super()._ask(method, path, body)
        return answer and replace(answer, at=answer.at + self.ahead)


class OnServer:
    """Flow runs of a real server, below deployments that are named as their flows."""

    def __init__(self, url: str, client: SyncPrefectClient) -> None:
        self._client = client
        self._api = LaterApi(url, os.environ)
        self.runs = ServerFlowRuns(self._api)

    def put(self, state: str, *, flow="experiment", driver=None, tags=("phoenix",), experiment=None) -> str:
        flow_id = self._client.create_flow_from_name(flow)
        deployment = self._client.create_deployment(flow_id, flow, tags=["phoenix"])
        body = {
            "flow_id": str(flow_id),
            "name": "a-run",
            "tags": list(tags),
            "labels": labels_of(driver, experiment) if driver else {},
            "deployment_id": str(deployment),
            "state": {"type": "SCHEDULED", "name": "Scheduled"},
        }
        run_id = self._api.post("/flow_runs/", body).body["id"]
        if state == "CANCELLING":
            self._set(run_id, "RUNNING")  # what was never taken is cancelled at once
        if state != "SCHEDULED":
            self._set(run_id, state)
        return run_id

    def state(self, run_id: str) -> str | None:
        found = self._api.get(f"/flow_runs/{run_id}")
        return found and found.body["state"]["name"]

    def finish(self, run_id: str) -> None:
        self._set(run_id, "COMPLETED")

    def pass_time(self, time: timedelta) -> None:
        self._api.ahead += time

    def _set(self, run_id: str, state: str) -> None:
        body = {"state": {"type": state, "name": state.capitalize()}, "force": True}
        assert self._api.post(f"/flow_runs/{run_id}/set_state", body).body["status"] == "ACCEPT"


@pytest.fixture(params=["fake", pytest.param("server", marks=pytest.mark.real)])
def server(request):
    if request.param == "fake":
        yield InMemory()
        return
    url = request.getfixturevalue("prefect_server")
    with SyncPrefectClient(url) as client:
        yield OnServer(url, client)


def read(server, run_id: str) -> FlowRun:
    (run,) = [run for run in server.runs.unfinished() if run.id == run_id]
    return run


def ids(server) -> list[str]:
    return [run.id for run in server.runs.unfinished()]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "PAUSED", "CANCELLING"])
def test_a_run_that_is_not_over_tells_who_drives_it(server, state):
    experiment = f"exp-{secrets.token_hex(4)}"
    run_id = server.put(state, driver=DRIVER, experiment=experiment)
    server.pass_time(timedelta(seconds=90))
    run = read(server, run_id)
    assert (run.flow, run.name, run.state) == ("experiment", "a-run", FlowState(state))
    assert (run.driver, run.experiment, run.worker) == (DRIVER, experiment, None)
    assert timedelta(seconds=85) <= run.age <= timedelta(seconds=150)


def test_what_nobody_took_and_what_is_over_is_not_told(server):
    others = [server.put("SCHEDULED"), server.put("COMPLETED"), server.put("CRASHED")]
    assert not set(others) & set(ids(server))


def test_a_run_of_somebody_elses_flow_of_that_name_is_not_ours(server):
    theirs = server.put("RUNNING", tags=("nightly",))
    ours = server.put("RUNNING", tags=(), driver=DRIVER)
    found = ids(server)
    assert theirs not in found
    assert ours in found


def test_the_oldest_comes_first(server):
    put = [server.put("RUNNING") for _ in range(2)]
    assert [run_id for run_id in ids(server) if run_id in put] == put


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("PENDING", FlowEnd.CRASHED),
        ("RUNNING", FlowEnd.CRASHED),
        ("PAUSED", FlowEnd.CRASHED),
        ("CANCELLING", FlowEnd.CANCELLED),
    ],
)
def test_a_run_is_ended_once(server, state, end):
    run = read(server, server.put(state, driver=DRIVER))
    assert server.runs.end(run, end, "its process is gone")
    assert server.state(run.id) == end.value.capitalize()
    assert run.id not in ids(server)
    if end is FlowEnd.CRASHED:
        assert not server.runs.end(run, end, "once more")


def test_a_run_that_completed_meanwhile_stays_completed(server):
    run = read(server, server.put("RUNNING", driver=DRIVER))
    server.finish(run.id)
    assert not server.runs.end(run, FlowEnd.CRASHED, "its process is gone")
    assert server.state(run.id) == "Completed"


def test_a_run_that_was_deleted_is_not_ended(server):
    gone = FlowRun(str(uuid4()), "gone", "experiment", FlowState.RUNNING, timedelta(0))
    assert not server.runs.end(gone, FlowEnd.CRASHED, "its process is gone")


@pytest.mark.parametrize(("state", "waits"), [("SCHEDULED", True), ("PENDING", True), ("CRASHED", False)])
def test_an_experiment_waits_while_a_run_with_its_tag_is_not_over(server, state, waits):
    experiment = f"exp-{secrets.token_hex(4)}"
    assert not server.runs.is_waiting(experiment)
    server.put(state, tags=("phoenix", experiment))
    assert server.runs.is_waiting(experiment) is waits


def test_a_worker_that_nobody_heard_of_is_silent_since_ever(server):
    assert server.runs.worker_silence("nobody") is None


def test_old_runs_of_a_schedule_are_forgotten_and_what_they_told_is_kept(server):
    states = ("COMPLETED", "CANCELLED", "SCHEDULED")
    gone = [server.put(state, flow="recovery") for state in states]
    kept = [server.put(state, flow="recovery") for state in ("FAILED", "RUNNING")]
    others = server.put("COMPLETED", flow="experiment")
    assert server.runs.forget("recovery", older_than=timedelta(hours=1)) == 0
    server.pass_time(timedelta(hours=2))
    assert server.runs.forget("recovery", older_than=timedelta(hours=1)) >= len(gone)
    assert [server.state(run_id) for run_id in gone] == [None, None, None]
    assert all(server.state(run_id) for run_id in (*kept, others))
    assert server.runs.forget("recovery", older_than=timedelta(hours=1)) == 0


def test_what_a_run_of_a_schedule_told_is_kept_for_a_month(server):
    failed, running = (server.put(state, flow="recovery") for state in ("FAILED", "RUNNING"))
    server.pass_time(timedelta(days=31))
    server.runs.forget("recovery", older_than=timedelta(hours=1))
    assert (server.state(failed), server.state(running)) == (None, "Running")


def test_of_a_schedule_that_is_not_there_nothing_is_forgotten(server):
    assert server.runs.forget("drift-check-of-nobody", older_than=timedelta(0)) == 0
