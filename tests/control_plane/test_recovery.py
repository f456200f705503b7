"""Recovery of flow runs whose process is gone, on a real server: by the command, by the flow, and by two at once."""

import json
import os
import subprocess
import sys

import pytest
from prefect.client.orchestration import SyncPrefectClient

from phoenix.adapters import drivers
from phoenix.adapters.prefect.labels import labels_of
from tests.support.experiments import Command, phoenix
from tests.support.flow_states import asked, run_flow, state_of

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("home")]


@pytest.fixture
def client(prefect_server):
    with SyncPrefectClient(prefect_server) as client:
        yield client


def a_dead_process():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = drivers.process(child.pid)
    child.communicate()
    assert found is not None
    return found


def put(client, driver, state="RUNNING", *, deployment="") -> str:
    """A flow run that this process drives."""
    flow = client.create_flow_from_name("experiment")
    body = {
        "flow_id": str(flow),
        "state": {"type": "SCHEDULED", "name": "Scheduled"},
        "tags": ["phoenix"],
        "labels": labels_of(driver),
    }
    run = asked("/flow_runs/", body | ({"deployment_id": deployment} if deployment else {}))["id"]
    for step in ("PENDING", "RUNNING", "CANCELLING"):
        propose(run, step)
        if step == state:
            break
    return run


def propose(run: str, state: str) -> str:
    """Propose a state by the server's rules, as a worker does; the state that it has then."""
    return asked(f"/flow_runs/{run}/set_state", {"state": {"type": state, "name": state.capitalize()}})[
        "state"
    ]["type"]


def rows(result) -> dict[str, dict]:
    return {row["flow_run"]: row for row in json.loads(result.out) if row.get("flow_run")}


def test_what_has_no_process_is_ended_and_what_has_one_is_not(client):
    dead, me = a_dead_process(), drivers.process(os.getpid())
    crashed, cancelled = put(client, dead), put(client, dead, "CANCELLING")
    pending, alive = put(client, dead, "PENDING"), put(client, me)
    result = phoenix("recover", "-o", "json")
    told = rows(result)
    assert {crashed, cancelled, pending} <= told.keys()
    assert alive not in told
    assert (told[crashed]["found"], told[crashed]["ended"]) == ("running", "crashed")
    assert told[crashed]["what"] == f"set to Crashed: its process, pid {dead.pid}, is gone"
    assert [state_of(run)[0] for run in (crashed, cancelled, pending, alive)] == [
        "CRASHED",
        "CANCELLED",
        "CRASHED",
        "RUNNING",
    ]
    assert not rows(phoenix("recover", "-o", "json")).keys() & {crashed, cancelled, pending}
    propose(alive, "COMPLETED")


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELLING"])
def test_what_a_dead_run_held_of_its_deployments_limit_is_free_again(client, state):
    flow = client.create_flow_from_name("experiment")
    deployment = str(client.create_deployment(flow, f"one-at-a-time-{state}", concurrency_limit=1))
    put(client, a_dead_process(), state, deployment=deployment)
    next_one = asked(
        "/flow_runs/",
        {
            "flow_id": str(flow),
            "deployment_id": deployment,
            "state": {"type": "SCHEDULED", "name": "Scheduled"},
        },
    )["id"]
    assert propose(next_one, "PENDING") == "SCHEDULED", "the limit does not hold"
    assert phoenix("recover").code == 0
    assert propose(next_one, "PENDING") == "PENDING", f"the slot of a run that was {state} is still taken"


def test_two_recoveries_at_once_end_each_run_once(client):
    dead = a_dead_process()
    lost = {put(client, dead) for _ in range(8)}
    both = [Command("recover", "-o", "json") for _ in range(2)]
    ended = [
        run
        for result in [command.result() for command in both]
        for run, row in rows(result).items()
        if row["ended"] and result.code == 0
    ]
    assert sorted(run for run in ended if run in lost) == sorted(lost)
    assert {state_of(run)[0] for run in lost} == {"CRASHED"}


def test_the_flow_does_it_too_and_says_so_by_its_state(client):
    lost = put(client, a_dead_process())
    repaired = run_flow("recovery")
    assert (repaired["state"]["type"], repaired["state"]["name"]) == ("COMPLETED", "Repaired"), repaired[
        "said"
    ]
    assert state_of(lost) == ("CRASHED", "Crashed")
    idle = run_flow("recovery")
    assert (idle["state"]["name"], idle["state"]["message"]) == ("Completed", "nothing to recover")


def test_without_a_server_nothing_of_prefect_is_imported(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    code = (
        "import sys; from phoenix.cli.app import run; sys.argv = ['phoenix', 'recover']; code = run();"
        "heavy = {'prefect', 'numpy', 'httpx'} & sys.modules.keys(); sys.exit(code or repr(heavy) if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing to recover" in done.stderr


def test_a_server_that_is_gone_is_said_and_the_rest_is_recovered(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = phoenix("recover", "-o", "json")
    assert (result.code, result.document) == (0, [])
    assert "flow runs were not looked at: The Prefect server at 127.0.0.1:9 does not answer" in result.err
