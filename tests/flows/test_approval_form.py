"""The form in Prefect is for people: a server that is away keeps nobody from answering, and keeps the run from nothing."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from pydantic import ValidationError

from phoenix.adapters.free_ports import free_ports
from phoenix.domain.phases import Decision, Outcome, Phase
from phoenix.domain.samples import Variant
from phoenix.services.approvals import Approvals
from phoenix.services.run import cleaning, deciding, deploying, judging, loading, measuring
from phoenix.services.run.ending import ended
from tasks import approval
from tests.support.fleet_runs import FleetRuns


def test_without_a_server_the_run_measures_on_and_the_command_line_answers(tmp_path, monkeypatch):
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    monkeypatch.setattr(approval, "CLOSING_SECONDS", 0.2)
    monkeypatch.setattr(approval, "flow_run", SimpleNamespace(id=str(uuid4())))
    fleet = FleetRuns(tmp_path, "local://a")
    run = fleet.begin(onPromote="approve", approval={"timeLimit": "2h"})
    scrapes: list[str] = []

    def after(verb: str, _arguments: tuple) -> None:
        if verb == "add_scrapes" and fleet.record(run).phase is Phase.AWAITING_APPROVAL:
            scrapes.append(verb)
            if len(scrapes) == 20:
                Approvals(fleet.experiments).decide("fleet", Decision.DECLINE, "not now", "ops@laptop")

    fleet.ledger_of_runs.after = after
    (port,) = free_ports(1)
    nobody = {PREFECT_API_URL: f"http://127.0.0.1:{port}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(nobody), ended(run, cleaning.clean_up):
        deploying.take_hosts(run, Phase.DEPLOYING)
        deploying.deploy(run, Variant.BASELINE)
        deploying.deploy(run, Variant.CANDIDATE)
        loading.start_load(run)
        measuring.collect(run, lambda _number, _comparison: None)
        deciding.act(run, approval.await_approval.fn(run, judging.conclude(run)))
    assert fleet.record(run).outcome is Outcome.DECLINED
    assert len(scrapes) >= 20


def test_the_form_asks_for_a_decision_and_takes_nothing_else():
    schema = approval.Approval.model_json_schema()
    assert schema["properties"]["decision"]["enum"] == ["promote", "decline"]
    assert (schema["required"], schema["additionalProperties"]) == (["decision"], False)
    assert "$ref" not in str(schema)
    for wrong in ({}, {"decision": "perhaps"}, {"decision": "promote", "who": "me"}):
        with pytest.raises(ValidationError):
            approval.Approval.model_validate(wrong)
