"""The load of a real host: figures, refusals as errors of whoever can act, and what a killed guard leaves."""

import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.adapters.hosts.agent_process import AgentProcess
from phoenix.adapters.hosts.load_session import AgentLoadSession
from phoenix.adapters.machines import process_table
from phoenix.adapters.machines.local import LocalMachine
from phoenix.domain.errors import SpecError, StateError
from phoenix.domain.load.run import LoadStatus
from tests.adapters.hosts.support import IDLE_LOAD, LONG, await_that, local_host, of_folder

pytestmark = pytest.mark.real

IDLE = {"name": "svc-{n}", "count": 4, "cpu": {"shape": "idle"}}
JOB = {"name": "job", "cpu": {"shape": "idle"}, "churn_weight": 1, "lifetime_seconds": [0.1, 0.2]}


def request(*patterns, **fields):
    return {"seed": 1, "patterns": list(patterns), **fields}


def test_its_figures_are_requested_against_achieved(host):
    asked = request(
        IDLE,
        JOB,
        churn_per_second=20,
        limits={"processes": 100, "memory_bytes": 1 << 30, "cpu_cores": 1},
        metrics_port=0,
    )
    with host.start_load("load-1", asked, LONG) as session:
        await_that(lambda: session.status().memory_bytes, "what they use was measured")
        found = session.status()
        body = host.fetch(found.metrics_url, timedelta(seconds=5))
    assert (found.requested, found.achieved, found.requested_rate, found.error) == (4, 4, 20, "")
    assert found.achieved_rate == pytest.approx(20, rel=0.25)
    assert found.active >= 4
    assert 0 < found.lateness_p50 <= found.lateness_p99
    assert found.spawned - found.exited == found.active
    assert 0 < found.agent_cpu_seconds < found.elapsed_seconds
    assert (found.restarts, found.died) == (0, 0)
    assert found.contained_by == ("pid namespace" if os.geteuid() == 0 else "parent-death signal")
    assert b"phoenix_loadsim_active_processes" in body
    assert host.leftovers("load-1") == ()


@pytest.mark.parametrize(
    ("asked", "kind", "code"),
    [
        (request({**IDLE, "user": "nobody-of-that-name"}), StateError, "unknown_user"),
        (
            request({**IDLE, "cpu": {"shape": "steady", "cores": 1}, "count": 500}),
            StateError,
            "not_enough_cpu",
        ),
        (request(IDLE, limits={"processes": 2}), StateError, "too_many_processes"),
        (request({**IDLE, "count": -1}), SpecError, "bad_request"),
        (request({**IDLE, "name": "a\0b"}), SpecError, "bad_request"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_started(host, folder, asked, kind, code):
    with pytest.raises(kind) as refused, host.start_load("load-1", asked, LONG):
        pass
    assert refused.value.code == code
    assert of_folder(folder) == {}
    assert host.leftovers("load-1") == ()


def test_it_says_that_its_deadline_ended_it(host):
    with host.start_load("load-1", IDLE_LOAD, timedelta(seconds=1)) as session:
        await_that(lambda: session.status().error, "it ended")
        assert session.status().error == "the load ended by itself: deadline"
        assert session.status().achieved == 0


def _session_with(script):
    """A session with a shell instead of the agent; whatever it says is text of the protocol."""
    argv = ["sh", "-c", script, "load"]
    agent = AgentProcess(LocalMachine(sys.executable), argv, {}, LONG, list)
    return agent, AgentLoadSession(agent)


def _said(kind, **fields):
    figures = dict.fromkeys(("lateness_p50_s", "lateness_p99_s", "cpu_cores", "rss_bytes", "achieved_rate"))
    counts = dict.fromkeys(
        ("requested", "achieved", "active", "spawned_total", "exited_total", "restarts"), 3
    )
    rest = dict.fromkeys(("died_total", "agent_cpu_s", "elapsed_s", "requested_rate"), 0)
    return json.dumps({"v": 1, "type": kind, **figures, **counts, **rest, **fields})


def test_what_the_agent_said_last_is_told(tmp_path):
    script = f"echo '{_said('status')}'; echo torn to pieces >&2; exit 3"
    agent, session = _session_with(script)
    try:
        await_that(lambda: session.status().error, "its end is noticed")
    finally:
        agent.close()
    assert session.status().spawned == 3
    assert "ended" in session.status().error
    assert "torn to pieces" in session.status().error


def test_a_status_that_comes_in_pieces_is_none_that_fails(tmp_path):
    line, go = _said("status"), tmp_path / "go"
    script = f"printf %s '{line[:100]}'; until [ -e {go} ]; do sleep 0.01; done; echo '{line[100:]}'; cat"
    agent, session = _session_with(script)
    try:
        await_that(lambda: agent._rest or session.status().error, "the first piece has come")
        assert session.status() == LoadStatus(requested=0, achieved=0, spawned=0)
        go.touch()
        await_that(lambda: session.status().spawned == 3, "the whole has come")
        assert session.status().error == ""
    finally:
        agent.close()


def _groups(owner):
    return [one for one in Path("/sys/fs/cgroup").rglob(f"phoenix-load-{owner}:*") if one.is_dir()]


def test_two_hosts_of_one_machine_have_caps_of_their_own(tmp_path, binary):
    limits = {"processes": 40, "memory_bytes": 1 << 30, "cpu_cores": 1}
    asked = request({**IDLE, "count": 30}, limits=limits)
    one, other = (local_host(tmp_path / name, name, binary) for name in ("one", "other"))
    with one.start_load("load-1", asked, LONG) as first, other.start_load("load-1", asked, LONG) as second:
        assert first.status().achieved == second.status().achieved == 30
        assert first.status().capped == second.status().capped
    assert _groups("load-1") == []


def test_what_a_killed_driver_and_guard_leave_is_cleared(host, folder, driver):
    """Control groups too: they outlive whoever was in them."""
    running = driver("capped_load")
    assert running.stdout.readline() == "ready\n"
    for row in process_table.rows():
        if row.marks.get("PHOENIX_FOLDER") == str(folder) and row.marks.get("PHOENIX_PLACE") == "load":
            os.kill(row.pid, signal.SIGKILL)
    running.kill()
    running.wait()
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()
    assert _groups("exp-1") == []


def test_what_a_killed_guard_leaves_is_cleared_and_can_be_started_again(host, folder):
    limits = {"processes": 50, "memory_bytes": 1 << 30, "cpu_cores": 1}
    with host.start_load("load-1", {**IDLE_LOAD, "limits": limits}, LONG) as session:
        for row in process_table.rows():
            is_here = row.marks.get("PHOENIX_FOLDER") == str(folder)
            if is_here and row.marks.get("PHOENIX_PLACE") == "load" and "python" in row.name:
                os.kill(row.pid, signal.SIGKILL)
        await_that(lambda: session.status().error, "the load says that it ended")
        assert session.status().error.startswith("the agent (load) ended with status 137")
        await_that(lambda: not of_folder(folder), "the kernel ended everything")
    host.clear("load-1")
    assert host.leftovers("load-1") == ()
    with host.start_load("load-1", IDLE_LOAD, LONG) as session:
        assert session.status().achieved == 3
