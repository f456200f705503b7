"""A promotion that looks well and is not: a supervisor that hides crashes, a ledger that takes nothing any more."""

import pytest

from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Outcome, Phase
from phoenix.services.run import cleaning, deciding, deploying
from phoenix.services.run.ending import ended
from tests.support.fleet_runs import FleetRuns

HOSTS = tuple(f"local://{letter}" for letter in "abc")


@pytest.fixture
def fleet(tmp_path) -> FleetRuns:
    """Three hosts, at each of which a pipeline serves."""
    found = FleetRuns(tmp_path, *HOSTS)
    assert all(one.fault is None for one in found.deploy())
    return found


def promote(run) -> None:
    """As the flow of a promotion does it."""
    with ended(run, cleaning.clean_up):
        deploying.take_hosts(run, Phase.PROMOTING)
        deciding.promote(run)


def test_one_that_its_supervisor_starts_again_is_a_breach(fleet):
    before = fleet.serving()
    run = fleet.judged(watch="60s")
    looks = []

    def after(verb: str, _arguments: tuple) -> None:
        looks.append(verb == "beat" and fleet.serving()["local://a"] == run.id)
        if looks[-1] and looks.count(True) == 6:
            fleet.fakes["local://a"].restart("revision-2")

    fleet.ledger_of_runs.after = after
    promote(run)
    assert fleet.record(run).outcome is Outcome.REVERTED
    assert "started again since the switch" in fleet.notes(run, "breach")[0]["reason"]
    assert fleet.serving() == before
    fleet.assert_one_serves()


def test_a_ledger_that_cannot_be_written_does_not_keep_what_nobody_watches_in_production(fleet):
    before = fleet.serving()
    run = fleet.judged(watch="60s")

    def full(verb: str, _arguments: tuple) -> None:
        if verb not in ("events", "get", "unfinished", "history", "active", "pending", "owed"):
            raise DependencyError("the disk is full")

    def after(verb: str, arguments: tuple) -> None:
        if verb == "enter" and arguments[1] is Phase.WATCHING:
            fleet.ledger_of_runs.before = fleet.store.before = full

    fleet.ledger_of_runs.after = after
    with pytest.raises(DependencyError):
        promote(run)
    assert fleet.serving() == before
    fleet.ledger_of_runs.before = fleet.store.before = fleet.ledger_of_runs.after = lambda *_: None
    fleet.recover()
    assert fleet.serving() == before
    fleet.assert_one_serves()
    assert fleet.record(run).phase.is_over
