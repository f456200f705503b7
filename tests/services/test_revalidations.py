"""What is run anew each night, and with what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.phases import OnPromote, Outcome, Phase
from phoenix.domain.record import EventKind, ExperimentRecord
from phoenix.services.deployments.holding import LEASE_LIFETIME
from phoenix.services.revalidations import REVALIDATES, Revalidations, demand_verdict
from phoenix.services.run.context import LEFT_OUT
from tests.support.fleet_runs import FleetRuns
from tests.support.revisions import a_revision

HOSTS = ("local://a", "local://b")


@pytest.fixture
def fleet(tmp_path) -> FleetRuns:
    return FleetRuns(tmp_path, *HOSTS)


@pytest.fixture
def revalidations(fleet) -> Revalidations:
    return Revalidations(fleet.verbs_of_runs(), fleet.experiments, fleet.ledger, fleet)


def promoted(fleet: FleetRuns, *hosts: str, **changes: object) -> ExperimentRecord:
    """An experiment whose candidate serves on these hosts, by the ledger."""
    record = fleet.recorded(onPromote="auto", **changes)
    fleet.experiments.drive(record.id, None)
    fleet.experiments.finish(record.id, Phase.COMPLETED, Outcome.PROMOTED, "")
    version = record.document["plan"]["candidate"]["version"]
    for host in hosts:
        number = len(fleet.ledger.history(host)) + 1
        fleet.ledger.begin(a_revision(number, host, owner=record.id, version=version))
        fleet.ledger.activate(host, number, datetime.now(UTC))
    return fleet.experiments.get(record.id)


def test_what_still_serves_everywhere_is_due(fleet, revalidations):
    record = promoted(fleet, *HOSTS)
    assert [(one.record.id, one.why_not) for one in revalidations.due()] == [(record.id, "")]


def test_what_was_replaced_somewhere_is_not_due_and_says_why_where_it_is_named(fleet, revalidations):
    record = promoted(fleet, "local://a")
    assert revalidations.due() == ()
    (one,) = revalidations.due([record.name])
    assert one.why_not == "its candidate serves no more on local://b"


def test_a_host_that_was_left_out_need_not_serve(fleet, revalidations):
    record = promoted(fleet, "local://a")
    fleet.experiments.append(record.id, EventKind.NOTE, LEFT_OUT, {"host": "local://b", "why": "silent"})
    assert [one.record.id for one in revalidations.due()] == [record.id]
    document = revalidations.record(record).document["document"]
    assert document["spec"]["targets"] == ["local://a"]


def test_what_was_only_reported_is_not_due(fleet, revalidations):
    record = fleet.recorded()
    fleet.experiments.drive(record.id, None)
    fleet.experiments.finish(record.id, Phase.COMPLETED, Outcome.REPORTED, "")
    assert revalidations.due() == ()
    (one,) = revalidations.due([record.id])
    assert one.why_not == "it was not promoted: its outcome is reported"


def test_of_the_same_on_the_same_hosts_the_newest_is_due(fleet, revalidations):
    promoted(fleet, *HOSTS)
    newer = promoted(fleet, *HOSTS)
    assert [one.record.id for one in revalidations.due()] == [newer.id]


def test_a_name_that_nobody_knows_is_refused(revalidations):
    with pytest.raises(StateError):
        revalidations.due(["nobody"])


def test_the_new_run_has_the_same_plan_and_only_reports(fleet, revalidations):
    record = promoted(fleet, *HOSTS)
    anew = fleet.experiments.get(revalidations.record(record).id)
    assert anew.name == record.name
    assert anew.document["plan"] == record.document["plan"]
    spec, before = anew.document["document"]["spec"], record.document["document"]["spec"]
    assert (spec["onPromote"], before["onPromote"]) == (OnPromote.REPORT, OnPromote.AUTO)
    assert {**spec, "onPromote": "auto"} == before
    (note,) = [one for one in fleet.experiments.events(anew.id) if one.step == REVALIDATES]
    assert note.data == {"experiment": record.id}


def test_a_host_in_use_is_named_with_who_uses_it(fleet, revalidations):
    record = promoted(fleet, *HOSTS)
    assert revalidations.why_busy(record) == ""
    fleet.fakes["local://b"].acquire("exp-99999999", LEASE_LIFETIME)
    assert revalidations.why_busy(record) == "local://b is in use by exp-99999999"
    fleet.silence("local://a")
    assert revalidations.why_busy(record) == "local://a: the host does not answer"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"outcome": Outcome.STOPPED, "phase": Phase.STOPPED}, StateError),
        ({"phase": Phase.FAILED, "error": "it broke"}, DependencyError),
        ({"phase": Phase.COMPLETED, "result": {}}, DependencyError),
    ],
)
def test_a_run_without_a_verdict_says_why(fleet, changes, fault):
    with pytest.raises(fault):
        demand_verdict(replace(fleet.recorded(), **changes))


def test_a_run_to_its_end_has_its_verdict(fleet):
    over = {"phase": Phase.COMPLETED, "outcome": Outcome.REPORTED, "result": {"verdict": "ROLL_BACK"}}
    assert demand_verdict(replace(fleet.recorded(), **over)) == "ROLL_BACK"
