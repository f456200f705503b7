"""The load of a real host: figures, refusals as errors of whoever can act, and what a killed guard leaves."""

import os
import signal
from datetime import timedelta

import pytest

from phoenix.adapters.machines import process_table
from phoenix.domain.errors import SpecError, StateError
from tests.adapters.hosts.support import IDLE_LOAD, LONG, await_that, of_folder

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


def test_what_a_killed_guard_leaves_is_cleared_and_can_be_started_again(host, folder):
    limits = {"processes": 50, "memory_bytes": 1 << 30, "cpu_cores": 1}
    with host.start_load("load-1", {**IDLE_LOAD, "limits": limits}, LONG) as session:
        guards = [
            row
            for row in process_table.rows()
            if row.marks.get("PHOENIX_PLACE") == "load" and "python" in row.name
        ]
        for guard in guards:
            os.kill(guard.pid, signal.SIGKILL)
        await_that(lambda: session.status().error, "the load says that it ended")
        await_that(lambda: not of_folder(folder), "the kernel ended everything")
    host.clear("load-1")
    assert host.leftovers("load-1") == ()
    with host.start_load("load-1", IDLE_LOAD, LONG) as session:
        assert session.status().achieved == 3
