"""A server that is away for a minute, in three ways, costs a run nothing: it ends, and is shown as it ended.

All three at once, each with a server, a worker and two runs of its own, so that the minute is waited for once.
"""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from signal import SIGCONT, SIGSTOP
from threading import Event

import pytest

from tests.control_plane.test_deaths import IN_TIME, START, Victim, assert_next_run_starts, deployed, direct
from tests.support.experiments import QUICK, phoenix
from tests.support.flow_killing import Part, Server, Stage
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

OUTAGE_SECONDS = 60

LOOK_SECONDS = 10.0
"""`phoenix up` recovers every 30 s."""

SHORT = {"minimumScrapes": 60, "maximumDuration": "3m", "load": {**QUICK["load"], "processes": 8}}
"""Comes to its end while the server is away, or soon after."""


@contextmanager
def _paused(server: Server) -> Generator[None]:
    server.send(SIGSTOP)
    yield
    server.send(SIGCONT)


@contextmanager
def _killed(server: Server) -> Generator[None]:
    server.kill()
    yield
    server.start()


OUTAGES = {"paused": _paused, "killed": _killed, "locked": Server.locked}


class Theatre:
    """A server that goes away, a worker, and two runs."""

    def __init__(self, outage: str, stage: Stage, folder) -> None:
        self.outage, self.stage = outage, stage
        self.worker: Part = stage.worker(outage)
        self.deployed = deployed(stage, outage, f"{outage}-worker", **SHORT)
        self.direct, _ = direct(stage, folder, f"{outage}-direct", **SHORT)
        self.direct.await_measuring()

    @property
    def victims(self) -> tuple[Victim, Victim]:
        return self.direct, self.deployed

    def are_shown_as_over(self) -> bool:
        return all(self.stage.state(victim.flow_run).is_final() for victim in self.victims)

    def check(self) -> None:
        """Nothing is left of either; the worker, or one started anew, runs the next."""
        for victim in self.victims:
            victim.assert_cleaned()
            assert victim.record.phase.value == "completed", victim.record.error
        assert self.deployed.state == "Completed"
        assert self.direct.state in {"Completed", "Crashed"}
        if not self.worker.is_running():
            self.worker.start()
        assert_next_run_starts(self.stage, self.outage, self.deployed)


@contextmanager
def _theatres(folder) -> Generator[list[Theatre]]:
    with ExitStack() as stack, ThreadPoolExecutor(len(OUTAGES)) as threads:
        stages = [Stage(folder / outage, folder / "home") for outage in OUTAGES]
        list(threads.map(stack.enter_context, stages))
        yield list(threads.map(lambda outage, stage: Theatre(outage, stage, folder), OUTAGES, stages))


def _recover_until_over(theatres: list[Theatre], patch: pytest.MonkeyPatch) -> None:
    """What `phoenix up` does every 30 s, on each of the servers."""
    back = time.monotonic()
    while open_ones := [theatre for theatre in theatres if not theatre.are_shown_as_over()]:
        assert time.monotonic() - back < IN_TIME, [theatre.outage for theatre in open_ones]
        for theatre in open_ones:
            patch.setenv("PREFECT_API_URL", theatre.stage.server.url)
            phoenix("recover")
        Event().wait(LOOK_SECONDS)


@pytest.fixture(params=[0, *(pytest.param(turn, marks=pytest.mark.soak) for turn in range(1, 11))])
def turn(request):
    """Once, and ten times in the soak."""
    return request.param


@pytest.mark.usefixtures("turn")
def test_a_minute_without_the_server(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOENIX_HOME", str(tmp_path / "home"))
    with _theatres(tmp_path) as theatres, ThreadPoolExecutor(len(OUTAGES)) as threads:
        with ExitStack() as outages:
            for theatre in theatres:
                outages.enter_context(OUTAGES[theatre.outage](theatre.stage.server))
            Event().wait(OUTAGE_SECONDS)
            for theatre in theatres:
                for victim in theatre.victims:
                    eventually(victim.is_over, seconds=START, what=f"{victim.name} to end without its server")
        for theatre in theatres:
            for victim in theatre.victims:
                victim.killed_at = time.monotonic()
        _recover_until_over(theatres, monkeypatch)
        list(threads.map(Theatre.check, theatres))
