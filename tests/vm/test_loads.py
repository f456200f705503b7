"""Loads on real hosts behind SSH, by the commands that people type; this machine's kernel shows the hosts' processes."""

import json
import signal

import pytest

from phoenix.composition import compose
from phoenix.domain.load.run import LoadEnd, LoadState
from tests.support.experiments import phoenix
from tests.support.inline import inline
from tests.support.load_processes import (
    GONE_SECONDS,
    assert_gone,
    keeper,
    kill,
    marked,
    over,
    simulated,
    started,
)
from tests.support.vm_network import processes_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

SILENCE_SECONDS = 20 + 4
"""After so long without a word the generator ends by itself; our words come every four seconds."""

COUNT = 15


@pytest.fixture
def hosts(fleet):
    """Three of them; no load is there afterwards."""
    yield fleet[:3]
    for host in fleet:
        host.restore_network()
    assert inline("loadsim", "stop", "--all").code == 0
    assert inline("recover").code == 0


def targets(hosts) -> tuple[str, ...]:
    return tuple(word for host in hosts for word in ("--target-host", host.uri))


def on(host, load: str) -> set[int]:
    """What carries the run's mark there, also in PID namespaces below the host's own."""
    return {one.pid for one in marked(load)} & set(processes_of(host.machine))


def files(host, load: str) -> str:
    return host.run("find", "/var/lib/phoenix", "/sys/fs/cgroup", "-name", f"*{load}*").stdout


def test_a_load_runs_on_every_host_and_leaves_none(hosts):
    run = started(*targets(hosts), "--name", "three", processes=COUNT)
    assert (run.requested, run.achieved) == (3 * COUNT, 3 * COUNT)
    assert simulated(run.id).total() == 3 * COUNT
    assert all(len(on(host, run.id)) > COUNT for host in hosts)
    done = phoenix("loadsim", "status", "three", "-o", "json")
    assert [row["achieved"] for row in done.document["hosts"]] == [COUNT] * 3
    stopped = phoenix("loadsim", "stop", "three")
    assert stopped.code == 0, stopped.err
    assert marked(run.id) == []
    assert [files(host, run.id) for host in hosts] == [""] * 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_load_dies_with_its_keeper(hosts, number):
    run = started(*targets(hosts), processes=COUNT)
    kill(number, keeper(run.id))
    assert_gone(run.id)
    if number == signal.SIGKILL:
        assert inline("recover").code == 0
    ended = over(run.id)
    assert ended.ending.why is (LoadEnd.LOST if number == signal.SIGKILL else LoadEnd.STOPPED)
    assert [files(host, run.id) for host in hosts] == [""] * 3


def test_a_host_without_a_network_ends_its_load_by_itself_and_is_asked_again(hosts):
    run = started(*targets(hosts), "--name", "cut", processes=COUNT)
    hosts[1].cut_network()
    eventually(
        lambda: not on(hosts[1], run.id), seconds=SILENCE_SECONDS + GONE_SECONDS, what="the silence ended it"
    )
    eventually(lambda: not marked(run.id), seconds=15, what="the others end with it")
    left = eventually(
        lambda: found if (found := compose().loads.get(run.id)).left else None,
        seconds=90,
        what="the silent host is told of",
    )
    assert (left.state, left.ending.why) == (LoadState.ENDING, LoadEnd.FAILED)
    assert list(left.left) == [hosts[1].uri]
    recovered = phoenix("recover", "-o", "json")
    assert recovered.code == 4
    assert any(hosts[1].uri in row["what"] for row in json.loads(recovered.out))
    hosts[1].restore_network()
    assert phoenix("recover").code == 0
    assert compose().loads.get(run.id).is_over
    assert files(hosts[1], run.id) == ""


def test_one_host_of_three_that_does_not_allow_it_ends_all(hosts):
    for host in (hosts[0], hosts[2]):
        host.run("useradd", "--system", "loaded")
    done = inline("loadsim", "start", "-p", "custom", "--set", "user=loaded", *targets(hosts))
    assert done.code == 3, (done.out, done.err)
    assert hosts[1].uri in done.err
    assert "loaded" in done.err
    run = compose().loads.newest()[0]
    assert run.is_over
    assert marked(run.id) == []
    assert [files(host, run.id) for host in hosts] == [""] * 3
