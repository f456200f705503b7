"""What a recording takes of a host, over a host in memory."""

import os
import time
from datetime import timedelta

import pytest

from phoenix.domain.errors import StateError
from phoenix.domain.load.profile import parse_profile
from phoenix.domain.processes import Process
from phoenix.services.loads import recording
from phoenix.services.loads.recording import Recorder
from tests.fakes.host import FakeHost

SHORT = timedelta(seconds=0.1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(recording, "CENSUS_SECONDS", 0.01)


def table(*rows: Process):
    return lambda: {row.pid: row for row in rows}


def recorded(host: FakeHost, target: str = "ssh://web-1", **options: object):
    document = Recorder(lambda _: host).record(target, "mine", SHORT, **options)
    return parse_profile(document), {name for pattern in document["patterns"] for name in pattern["names"]}


def test_what_stands_is_recorded_and_nothing_of_the_recorder_is_left():
    host = FakeHost()
    host.population = table(*(Process(pid, 100, "nginx", 1.0, 2**20) for pid in range(10, 14)))
    profile, names = recorded(host)
    assert (profile.name, profile.default_processes, names) == ("mine", 4, {"nginx"})
    assert host._sessions == []


def test_what_began_with_the_recorder_is_left_out():
    """The fake's hosts were booted at the beginning of time."""
    host = FakeHost()
    old = Process(10, 100, "nginx", 1.0, 2**20)

    def population():
        # Begins when the first census is taken, as the agent does, and stays.
        born.append(round(time.time() * 100))
        return {10: old, 11: Process(11, born[0], "python3", 0.1, 2**20)}

    born: list[int] = []
    host.population = population
    assert recorded(host)[1] == {"nginx"}


def test_this_process_is_left_out_of_its_own_machine_only():
    host = FakeHost()
    host.population = table(
        Process(10, 100, "nginx", 1.0, 2**20), Process(os.getpid(), 100, "phoenix", 1.0, 2**20)
    )
    assert recorded(host, "local")[1] == {"nginx"}
    assert recorded(host, "local://other")[1] == {"nginx"}
    assert recorded(host, "ssh://web-1")[1] == {"nginx", "phoenix"}


def test_names_are_made_up_on_request():
    host = FakeHost()
    host.population = table(Process(10, 100, "secret-project", 1.0, 2**20))
    assert "secret-project" not in recorded(host, anonymise=True)[1]


def test_an_empty_host_is_told():
    with pytest.raises(StateError):
        recorded(FakeHost())
