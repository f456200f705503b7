"""The drift check as a flow: over a real collector, on a real server."""

import os
import secrets
import signal

import pytest

from phoenix.composition import compose
from tests.support.deployed import collectors, delete, deploy, folder_of, write_pipeline
from tests.support.flow_states import events, run_flow, table
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]


@pytest.fixture
def host(home, tmp_path):
    """A host with a deployed pipeline, named so that no other test's events are about it."""
    target = f"local://drift-{secrets.token_hex(3)}"
    deploy(write_pipeline(tmp_path, "web"), target)
    yield target
    delete(target)


def test_what_died_is_told_by_state_table_and_event_and_is_left_alone(host):
    as_recorded = run_flow("drift_check")
    assert (as_recorded["state"]["type"], as_recorded["state"]["name"]) == ("COMPLETED", "Completed")
    assert "none drifted" in as_recorded["state"]["message"]

    folder = folder_of(host)
    (pid,) = collectors(folder)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not collectors(folder), what="the collector to be gone")

    drifted = run_flow("drift_check")
    assert (drifted["state"]["type"], drifted["state"]["name"]) == ("COMPLETED", "Drifted"), drifted["said"]
    assert drifted["state"]["message"] == f"1 of 1 hosts drifted: {host}"
    (row,) = table("deployment-drift")
    assert (row["host"], row["deployment"], row["revision"], row["found"]) == (host, "web", 1, "dead")
    (event,) = eventually(
        lambda: events("phoenix.deployment.drift", [f"phoenix.deployment.{host}"]), what="the event"
    )
    assert event["payload"]["found"] == "dead"
    assert drifted["id"] in {one["prefect.resource.id"].rpartition(".")[2] for one in event["related"]}
    assert not collectors(folder)
    assert [one.host for one in compose().deployment_store.active()] == [host]
