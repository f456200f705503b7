"""The re-validation as a flow: what was promoted runs anew below it, and production stays as it is."""

import pytest

from phoenix.composition import compose
from phoenix.services.deployments.holding import LEASE_LIFETIME
from tests.support.experiments import phoenix, write_spec
from tests.support.flow_states import flow_runs, run_flow, table
from tests.support.production import active, critical_processes, remove_production

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]


@pytest.fixture
def promoted(home, tmp_path):
    """An experiment whose candidate took production over."""
    candidate = {"pipeline": "process-topk-v1", "parameters": {"k": 4}}
    with critical_processes(tmp_path):
        spec = write_spec(tmp_path, "web", onPromote="auto", candidate=candidate, watch="2s")
        ended = phoenix("experiment", "run", "-f", spec, "-o", "json", seconds=300)
        assert ended.document["outcome"] == "promoted", ended.err
        yield compose().experiments.get("web")
        remove_production()


def test_a_promoted_pipeline_is_confirmed_and_production_is_not_touched(promoted):
    before = active()
    run = run_flow("revalidation")
    (row,) = table("revalidation")
    anew = compose().experiments.get("web")
    assert (row["experiment"], row["promoted by"], row["run"]) == ("web", promoted.id, anew.id)
    assert (anew.outcome.value, row["found"]) == ("reported", anew.result["verdict"]), row
    expected = {"PROMOTE": "Completed", "INCONCLUSIVE": "Incomplete", "ROLL_BACK": "NotConfirmed"}
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", expected[row["found"]]), run["said"]
    assert active() == before
    below = [one for one in flow_runs("experiment") if one["name"] == anew.id]
    assert [one["state"]["type"] for one in below] == ["COMPLETED"]

    # A host that somebody uses is not waited for.
    host = compose().hosts.open("local")
    host.acquire("somebody", LEASE_LIFETIME)
    try:
        skipped = run_flow("revalidation")
    finally:
        host.release("somebody")
    (row,) = table("revalidation")
    assert (row["found"], row["what"]) == ("skipped", "local is in use by somebody")
    assert skipped["state"]["name"] == "Incomplete"
    assert active() == before
