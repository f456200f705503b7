"""Approval as people meet it: a paused flow run of a worker with a form in the UI, the command line, a breach, a cancel.

Each test answers an experiment of its own, on a host of its own.
"""

import os
import signal
from dataclasses import dataclass
from uuid import UUID

import pytest

from phoenix.composition import compose
from phoenix.domain.record import ExperimentRecord
from tests.support.experiments import QUICK, phoenix
from tests.support.prefect_ui import browser_page
from tests.support.resume_form import ResumeForm
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

PATIENCE = 900
"""Not a measure: an experiment of five minutes at most, on a slow machine."""

TRIES = 3
"""An experiment that a busy machine made invalid ends without a question, as it must; what is tested here is the question."""


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


@pytest.fixture
def ask(control_plane, monkeypatch):
    """Run an experiment until it waits for its approval; what was promoted is rolled back in the end."""
    for variable in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PHOENIX_HOME", str(control_plane.home))
    asked: list[Asked] = []

    def until_it_waits(name: str) -> Asked:
        for attempt in range(1, TRIES + 1):
            one = Asked(f"{name}-{attempt}", _start(control_plane, f"{name}-{attempt}"))
            state = control_plane.await_state(one.flow_run, ("PAUSED", "COMPLETED"), seconds=PATIENCE)
            if state.is_paused():
                asked.append(one)
                return one
        raise AssertionError(f"{TRIES} experiments never asked; the last: {one.record.result}")

    yield until_it_waits
    for one in asked:
        if one.record.outcome.value == "promoted":
            assert phoenix("experiment", "rollback", one.name).code == 0


def _start(control_plane, name: str) -> UUID:
    spec = {
        **QUICK,
        "targets": [f"local://{name}"],
        "load": {**QUICK["load"], "processes": 8},
        "maximumDuration": "5m",
        "onPromote": "approve",
        "approval": {"timeLimit": "30m"},
    }
    return control_plane.run_deployment("experiment/experiment", {"name": name, "spec": spec})


def approvals_of(record: ExperimentRecord) -> list[dict[str, object]]:
    return [dict(e.data) for e in compose().store.events(record.id) if e.step == "approval"]


def test_a_person_approves_in_the_prefect_ui(control_plane, ask, tmp_path):
    one = ask("in-the-ui")
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


def test_the_server_refuses_an_answer_that_is_none(control_plane, ask):
    from prefect.client.orchestration import SyncPrefectClient

    one = ask("refused")
    with SyncPrefectClient(control_plane.api_url) as client:
        for answer, field in (({"decision": "perhaps"}, "perhaps"), ({"reason": "why not"}, "decision")):
            refusal = client.resume_flow_run(one.flow_run, answer)
            assert refusal.status.value == "REJECT"
            assert field in str(refusal.details)
    assert control_plane.flow_run(one.flow_run).state.is_paused()
    assert one.record.phase.value == "awaiting_approval"
    refused = phoenix("experiment", "promote", one.name, "--variant", "baseline")
    assert refused.code == 3, refused.err
    assert "the verdict is about the candidate" in refused.err
    shown = phoenix("experiment", "status", one.name, "-o", "json").document["approval"]
    assert (shown["state"], shown["otherwise"], shown["timeLimit"]) == ("waiting", "decline", "30m")
    text = " ".join(phoenix("experiment", "status", one.name).out.split())
    assert "left, then decline" in text
    assert phoenix("experiment", "promote", one.name, "--reason", "go on").code == 0
    assert one.record.outcome.value == "promoted"
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)


def test_a_person_declines_on_the_command_line(control_plane, ask):
    one = ask("by-command")
    stopped = phoenix("experiment", "stop", one.name, "--reason", "not this week")
    assert stopped.code == 0, stopped.err
    record = one.record
    assert (record.phase.value, record.outcome.value) == ("completed", "declined")
    assert record.result["verdict"] == "PROMOTE"
    (answer,) = approvals_of(record)
    assert (answer["decision"], answer["reason"]) == ("decline", "not this week")
    assert one.leftovers() == ()
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)
    late = phoenix("experiment", "promote", one.name)
    assert late.code == 3
    assert "declined already" in late.err


def test_a_candidate_that_dies_while_it_waits_is_rolled_back(control_plane, ask):
    one = ask("breaks")
    candidate = compose().hosts.open(f"local://{one.name}").collector("candidate")
    os.kill(candidate.pid, signal.SIGKILL)
    record = one.ended()
    assert (record.phase.value, record.outcome.value) == ("completed", "rolled_back")
    assert record.result["verdict"] == "ROLL_BACK"
    assert f"the candidate collector on local://{one.name} died" in record.result["reasons"][0]
    assert one.leftovers() == ()
    control_plane.await_state(one.flow_run, ("COMPLETED",), seconds=PATIENCE)


def test_a_run_that_is_cancelled_in_prefect_while_it_waits_is_stopped(control_plane, ask):
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.states import Cancelling

    one = ask("cancelled")
    with SyncPrefectClient(control_plane.api_url) as client:
        client.set_flow_run_state(one.flow_run, Cancelling())
    record = one.ended()
    assert (record.phase.value, record.outcome.value) == ("stopped", "stopped")
    assert record.result["approval"]["state"] == "unanswered"
    assert one.leftovers() == ()
    control_plane.await_state(one.flow_run, ("CANCELLED",), seconds=PATIENCE)
