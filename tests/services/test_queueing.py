"""Runs that want the same host queue, and none waits for one that is dead."""

from datetime import timedelta

import pytest

from phoenix.domain.flow_run import TURN
from phoenix.domain.phases import Phase
from phoenix.services.run.context import RunStopped
from phoenix.services.run.queueing import ABANDONED_SECONDS, WAITS, Pace, await_turn
from tests.fakes.flow_runs import FakeFlowRuns, FakeHostTurns
from tests.support.fleet_runs import FleetRuns


class Time:
    """A clock that pauses move; something may happen at a time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[tuple[float, object]] = []

    def pause(self, seconds: float) -> None:
        self.now += seconds
        for at, event in [e for e in self.events if e[0] <= self.now]:
            self.events.remove((at, event))
            event()

    @property
    def pace(self) -> Pace:
        return Pace(lambda: self.now, self.pause)


@pytest.fixture
def run(tmp_path):
    return FleetRuns(tmp_path, "local://a", "local://b").begin()


@pytest.fixture
def server():
    return FakeFlowRuns()


@pytest.fixture
def time():
    return Time()


def notes(run, step):
    return [event.data for event in run.store.events(run.id) if event.step == step]


def test_a_free_host_is_had_at_once(run, server, time):
    turns = FakeHostTurns(server)
    await_turn(run, Phase.DEPLOYING, turns, time.pace)
    assert time.now == 0
    assert notes(run, TURN) == [{"turn": turns.turn}]
    assert notes(run, WAITS) == []


def test_it_waits_until_the_other_gives_back(run, server, time):
    other = FakeHostTurns(server)
    other.take([host.name for host in run.hosts])
    time.events.append((20, other.give_back))
    await_turn(run, Phase.DEPLOYING, FakeHostTurns(server), time.pace)
    assert 20 <= time.now <= 24
    assert [data["hosts"] for data in notes(run, WAITS)] == [[host.name for host in run.hosts], []]
    assert len(notes(run, TURN)) == 1


def test_a_turn_of_nobody_is_not_waited_for_for_ever(run, server, time):
    FakeHostTurns(server).take([host.name for host in run.hosts])
    await_turn(run, Phase.DEPLOYING, FakeHostTurns(server), time.pace)
    assert ABANDONED_SECONDS <= time.now <= ABANDONED_SECONDS + 20
    assert "no run is on the hosts" in notes(run, WAITS)[-1]["why"]


def test_a_stop_is_heeded_while_it_waits(run, server, time):
    FakeHostTurns(server).take([host.name for host in run.hosts])
    time.events.append((10, lambda: run.store.request_stop(run.id, "enough")))
    with pytest.raises(RunStopped, match="enough"):
        await_turn(run, Phase.DEPLOYING, FakeHostTurns(server), time.pace)


def test_without_a_server_nobody_waits(run, server, time):
    server.is_silent = True
    await_turn(run, Phase.DEPLOYING, FakeHostTurns(server), time.pace)
    assert time.now == 0
    assert notes(run, "without_turn") == [{"why": "the server does not answer"}]


def test_hosts_that_the_server_gave_away_under_a_living_run_are_waited_for(tmp_path, server, time):
    """A server that is too busy to hear that a run lives takes its turn back; the run stays on its hosts."""
    runs = FleetRuns(tmp_path, "local://a")
    first, second = runs.begin(), runs.begin()
    (host,) = first.hosts
    host.acquire(first.id, timedelta(minutes=2))
    time.events.append((30, lambda: host.release(first.id)))
    await_turn(second, Phase.DEPLOYING, FakeHostTurns(server), time.pace)
    assert 30 <= time.now <= 34
    assert [data["hosts"] for data in notes(second, WAITS)] == [["local://a"], []]


def test_hosts_that_somebody_else_has_are_not_waited_for(tmp_path, server, time):
    runs = FleetRuns(tmp_path, "local://a")
    run = runs.begin()
    (host,) = run.hosts
    host.acquire("exp-elsewhere", timedelta(minutes=2))
    await_turn(run, Phase.DEPLOYING, FakeHostTurns(server), time.pace)
    assert time.now == 0
