"""However a run ends, its pages on the server say what is known, for people, under keys that never change."""

import json
import os
import signal
import subprocess
import sys

import pytest

from phoenix.adapters.prefect.child_flows import flow_environment
from phoenix.composition import compose
from tests.support.experiments import Command, dropping_candidate, write_spec
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

DESCRIPTIONS = {
    "plan": "What will run",
    "progress": "Scrapes taken of those that a verdict needs",
    "comparison": "Both variants, metric by metric",
    "verdict": "The verdict",
    "report": "The report",
    "history": "What happened",
}


def pages_of(url: str, experiment: str) -> dict[str, dict]:
    """Of one experiment by what they are; a kind that is shown twice is a fault."""
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(url) as client:
        answer = client._client.post("/artifacts/filter", json={"limit": 200})
    ours = [a for a in answer.json() if (a["key"] or "").endswith(f"-{experiment}")]
    pages = {artifact["key"].removesuffix(f"-{experiment}"): artifact for artifact in ours}
    assert len(pages) == len(ours)
    return pages


@pytest.fixture(scope="module")
def runs(prefect_server, tmp_path_factory):
    """One that is judged, one that is stopped, one that fails; all at once, on hosts of their own."""
    folder = tmp_path_factory.mktemp("artifacts")
    candidate = dropping_candidate(folder)
    load = {"profile": "realistic", "processes": 12, "seed": 7}

    def spec(name: str, **changes: object):
        return write_spec(folder, name, targets=[f"local://{name}"], load=load, **changes)

    with pytest.MonkeyPatch.context() as patch:
        home = folder / "home"
        patch.setenv("PHOENIX_HOME", str(home))
        phoenix = compose()
        commands = {
            "judged": Command("experiment", "run", "-f", spec("judged", candidate=candidate), "-o", "json"),
            "stopped": Command("experiment", "run", "-f", spec("stopped"), "-o", "json"),
        }
        failing = phoenix.experiments.create(phoenix.drafts.read(spec("failing")))
        driver = [sys.executable, "-m", "tests.support.faulty_driver", "take-hosts", failing.id]
        subprocess.run(driver, env=flow_environment(home), check=False, capture_output=True, timeout=300)
        eventually(lambda: _phase(phoenix, "stopped") == "measuring", seconds=180, what="it to measure")
        commands["stopped"].process.send_signal(signal.SIGTERM)
        ended = {name: command.result(300).document["id"] for name, command in commands.items()}
        yield {name: pages_of(prefect_server, i) for name, i in {**ended, "failed": failing.id}.items()}


def _phase(phoenix, name: str) -> str:
    found = [record for record in phoenix.experiments.list() if record.name == name]
    return found[0].phase.value if found else ""


def test_a_judged_run_has_every_page(runs):
    assert {kind: page["description"] for kind, page in runs["judged"].items()} == DESCRIPTIONS


def test_the_plan_says_what_is_asked_and_shows_both_configurations(runs):
    plan = runs["judged"]["plan"]["data"]
    assert plan.startswith("# judged: what will run")
    assert "local://judged" in plan
    assert "active series cut ≥ 30.0 %" in plan
    assert plan.count("```yaml") == 2


def test_the_verdict_comes_first_and_says_what_was_done_and_what_to_do(runs):
    verdict = runs["judged"]["verdict"]["data"]
    assert verdict.startswith("# ✗ ROLL_BACK")
    assert "critical process nginx" in verdict
    assert "## What was done\n\nReported: judged only" in verdict
    assert "## What to do next\n\nKeep the baseline" in verdict


def test_the_comparison_is_rounded_and_has_units(runs):
    rows = {row["metric"]: row for row in json.loads(runs["judged"]["comparison"]["data"])}
    assert rows["collector memory"]["baseline"].endswith(" MiB")
    assert rows["critical retention"]["state"] == "✗ fail"


def test_the_report_shows_its_charts_and_says_where_it_lies(runs):
    report = runs["judged"]["report"]["data"]
    assert "data:image/svg+xml;base64," in report
    assert f"report.html on {os.uname().nodename}" in report


def test_the_history_is_the_ledger(runs):
    history = runs["judged"]["history"]["data"]
    assert "**measuring**" in history
    assert "deploy:candidate@local://judged" in history or "deploy:candidate@judged" in history


def test_a_stopped_run_says_who_stopped_it(runs):
    pages = runs["stopped"]
    assert {"plan", "progress", "verdict", "report", "history"} <= pages.keys()
    assert "STOPPED" in pages["verdict"]["data"]
    assert "The experiment was stopped" in pages["verdict"]["data"]
    assert "a stop was asked for" in pages["history"]["data"]


def test_a_failed_run_says_what_went_wrong(runs):
    pages = runs["failed"]
    assert pages.keys() == {"plan", "verdict", "report", "history"}
    assert "FAILED" in pages["verdict"]["data"]
    assert "take_hosts was made to fail" in pages["verdict"]["data"]
    assert "nothing to draw" in pages["report"]["data"]
