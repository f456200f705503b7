"""Approval as people meet it: a paused flow run of a worker with a form in the UI, the command line, a breach, a cancel.

All experiments wait at the same time, each on a host of its own, and each test answers its own.
"""

import os
import signal
from dataclasses import dataclass
from uuid import UUID

import pytest

from phoenix.composition import compose
from phoenix.domain.record import ExperimentRecord
from tests.support.experiments import INTERVAL_SECONDS, QUICK, phoenix
from tests.support.prefect_ui import browser_page
from tests.support.resume_form import ResumeForm
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

NAMES = ("in-the-ui", "by-command", "refused", "breaks", "cancelled")

SCRAPE_SECONDS = 2 if INTERVAL_SECONDS == 1 else 6
"""Ten collectors at once, which a slow machine keeps to that only."""

PATIENCE = 900
"""Five experiments at once on a small machine: patience, not a measure."""


@dataclass
class Asked:
    """An experiment that waits for approval.

    Attributes:
        name: Of the experiment.
        flow_run: That shows it.
    """

    name: str
    flow_run: UUID

    @property
    def record(self) -> ExperimentRecord:
        return compose().experiments.get(self.name)

    def ended(self) -> ExperimentRecord:
        return eventually(
            lambda: self.record if self.record.phase.is_over else None,
            seconds=PATIENCE,
            what=f"the end of {self.name}",
        )

    def leftovers(self) -> tuple[str, ...]:
        return compose().hosts.open(f"local://{self.name}").leftovers(self.record.id)


@pytest.fixture(scope="module")
def asked(control_plane):
    """Every experiment of this module, waiting; by name."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("PREFECT_API_URL", "PREFECT_HOME"):
            patch.delenv(variable, raising=False)
        patch.setenv("PHOENIX_HOME", str(control_plane.home))
        runs = {name: _start(control_plane, name) for name in NAMES}
        for run in runs.values():
            control_plane.await_state(run, ("PAUSED",), seconds=PATIENCE)
        yield {name: Asked(name, run) for name, run in runs.items()}
        for name in NAMES:
            record = compose().experiments.get(name)
            if record.outcome.value == "promoted":
                phoenix("experiment", "rollback", name)


def _start(control_plane, name: str) -> UUID:
    spec = {
        **QUICK,
        "targets": [f"local://{name}"],
        "load": {**QUICK["load"], "processes": 8},
        "scrapeInterval": f"{SCRAPE_SECONDS}s",
        "maximumDuration": "10m",
        "onPromote": "approve",
        "approval": {"timeLimit": "30m"},
        "watch": f"{SCRAPE_SECONDS}s",
    }
    return control_plane.run_deployment("experiment/experiment", {"name": name, "spec": spec})


def approvals_of(record: ExperimentRecord) -> list[dict[str, object]]:
    return [dict(e.data) for e in compose().store.events(record.id) if e.step == "approval"]


def test_a_person_approves_in_the_prefect_ui(control_plane, asked, tmp_path):
    one = asked["in-the-ui"]
    with browser_page() as page:
        form = ResumeForm(page, control_plane.api_url, one.flow_run)
        for words in ("PROMOTE", "series cut by", "Answer within 30m", "decline", "Decision", "Reason"):
            assert words in form.text
        form.submit()
        form.await_refusal("'decision' is a required property")
        form.picture(tmp_path / "refused.png")
        form.choose("promote")
        form.explain("it is cheaper")
        form.picture(tmp_path / "answered.png")
        form.submit()
        form.await_closed()
    record = one.ended()
    assert (record.phase.value, record.outcome.value, record.error) == ("completed", "promoted", "")
    assert approvals_of(record) == [{"decision": "promote", "reason": "it is cheaper", "by": "Prefect UI"}]
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)


def test_the_server_refuses_an_answer_that_is_none(control_plane, asked):
    from prefect.client.orchestration import SyncPrefectClient

    one = asked["refused"]
    with SyncPrefectClient(control_plane.api_url) as client:
        for answer, field in (({"decision": "perhaps"}, "perhaps"), ({"reason": "why not"}, "decision")):
            refusal = client.resume_flow_run(one.flow_run, answer)
            assert refusal.status.value == "REJECT"
            assert field in str(refusal.details)
    assert control_plane.flow_run(one.flow_run).state.is_paused()
    assert one.record.phase.value == "awaiting_approval"
    refused = phoenix("experiment", "promote", "refused", "--variant", "baseline")
    assert refused.code == 3, refused.err
    assert "the verdict is about the candidate" in refused.err
    shown = phoenix("experiment", "status", "refused", "-o", "json").document["approval"]
    assert (shown["state"], shown["otherwise"], shown["timeLimit"]) == ("waiting", "decline", "30m")
    text = " ".join(phoenix("experiment", "status", "refused").out.split())
    assert "left, then decline" in text
    assert phoenix("experiment", "promote", "refused", "--reason", "go on").code == 0
    assert one.record.outcome.value == "promoted"
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)


def test_a_person_declines_on_the_command_line(control_plane, asked):
    one = asked["by-command"]
    stopped = phoenix("experiment", "stop", "by-command", "--reason", "not this week")
    assert stopped.code == 0, stopped.err
    record = one.record
    assert (record.phase.value, record.outcome.value) == ("completed", "declined")
    assert record.result["verdict"] == "PROMOTE"
    (answer,) = approvals_of(record)
    assert (answer["decision"], answer["reason"]) == ("decline", "not this week")
    assert one.leftovers() == ()
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)
    late = phoenix("experiment", "promote", "by-command")
    assert late.code == 3
    assert "declined already" in late.err


def test_a_candidate_that_dies_while_it_waits_is_rolled_back(control_plane, asked):
    one = asked["breaks"]
    candidate = compose().hosts.open("local://breaks").collector("candidate")
    os.kill(candidate.pid, signal.SIGKILL)
    record = one.ended()
    assert (record.phase.value, record.outcome.value) == ("completed", "rolled_back")
    assert record.result["verdict"] == "ROLL_BACK"
    assert "the candidate collector on local://breaks died" in record.result["reasons"][0]
    assert one.leftovers() == ()
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)


def test_a_run_that_is_cancelled_in_prefect_while_it_waits_is_stopped(control_plane, asked):
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.states import Cancelling

    one = asked["cancelled"]
    with SyncPrefectClient(control_plane.api_url) as client:
        client.set_flow_run_state(one.flow_run, Cancelling())
    record = one.ended()
    assert (record.phase.value, record.outcome.value) == ("stopped", "stopped")
    assert record.result["approval"]["state"] == "unanswered"
    assert one.leftovers() == ()
    control_plane.await_state(one.flow_run, ("CANCELLED",), seconds=PATIENCE)
