"""A driver says that it lives as long as it does, whatever its scrapes do, and not for another."""

from phoenix.domain.record import Driver
from phoenix.services.run.beating import beating
from tests.support.fleet_runs import FleetRuns
from tests.support.waiting import eventually


def test_a_driver_beats_between_scrapes(tmp_path, collector_binary):
    fleet = FleetRuns(tmp_path, "local://a")
    run = fleet.begin()
    before = fleet.record(run).heartbeat_at
    with beating(run, seconds=0.01):
        eventually(lambda: fleet.record(run).heartbeat_at != before, what="a heartbeat")


def test_a_driver_that_was_replaced_beats_no_more(tmp_path, collector_binary):
    fleet = FleetRuns(tmp_path, "local://a")
    run = fleet.begin()
    beats: list[str] = []
    fleet.ledger_of_runs.after = lambda verb, _: beats.append(verb) if verb == "beat" else None
    fleet.experiments.claim(run.id, Driver("elsewhere", 1, 1), instead_of=run.driver)
    with beating(run, seconds=0.001):
        eventually(lambda: beats, what="the heartbeat that tells it so")
    assert beats == ["beat"]
