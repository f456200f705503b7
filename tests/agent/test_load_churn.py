"""Short-lived processes: as many as asked, at their time, the same each time."""

import os
import re
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from itertools import islice
from urllib.request import urlopen

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from phoenix.agent.load import request
from phoenix.agent.load.request import arrivals, turns

MIB = 1 << 20


def _job(name="job-{n}", **fields):
    return {
        "name": name,
        "cpu": {"shape": "idle"},
        "churn_weight": 1,
        "lifetime_seconds": [0.1, 0.5],
        **fields,
    }


def _start(patterns, **fields):
    place = {"run_dir": "/x", "owner": "o", "deadline_seconds": 60}
    return request.read_start({"v": 1, "type": "start", "seed": 5, **place, "patterns": patterns, **fields})


def _schedule(seed, count=200):
    patterns = [
        _job(memory={"shape": "steady", "bytes": [0, 9e6]}, unique_command_line=True),
        _job("other", churn_weight=3),
    ]
    return list(islice(arrivals(_start(patterns, seed=seed, churn_per_second=25)), count))


def test_the_same_seed_gives_the_same_schedule():
    assert _schedule(1) == _schedule(1) != _schedule(2)


def test_the_rate_is_divided_by_weight_and_evenly_spaced():
    found = _schedule(3, 2000)
    dues = [due for due, _ in found]
    assert all(abs(due - (n + 0.5) / 25) < 1e-6 for n, due in enumerate(dues))
    names = Counter(child.name == "other" for _, child in found)
    assert 0.72 < names[True] / 2000 < 0.78
    assert all(0.1 <= child.lifetime_seconds <= 0.5 for _, child in found)


def test_names_are_counted_for_each_pattern():
    names = [child.name for _, child in islice(arrivals(_start([_job()], churn_per_second=5)), 3)]
    assert names == ["job-0000", "job-0001", "job-0002"]


def test_a_ramp_turns_the_rate_and_the_population():
    idle = {"name": "a", "count": 10, "cpu": {"shape": "idle"}}
    start = _start([idle, _job()], churn_per_second=10, ramp=[[0, 0.2], [10, 1.0], [20, 1.0], [30, 0.0]])
    dues = [due for due, _ in arrivals(start)]
    assert len(dues) == 60 + 100 + 50
    assert dues == sorted(dues)
    assert [sum(low <= due < low + 10 for due in dues) for low in (0, 10, 20)] == [60, 100, 50]
    found = list(turns(start))
    assert sum(turn.is_wanted for turn in found) == 10
    assert [turn.seconds for turn in found[:2]] == [0, 0]
    assert [turn.number for turn in found if not turn.is_wanted] == list(range(9, -1, -1))


@pytest.mark.real
def test_the_oldest_python_draws_the_same(archive, tools):
    """Hosts have Pythons of their own, and none may change what a seed stands for."""
    look = """
import hashlib, sys
from itertools import islice
from phoenix.agent.load import request
busy = {"cpu": {"shape": "random", "cores": 0.3}, "lifetime_seconds": [1, 9], "unique_command_line": True}
memory = {"shape": "random", "bytes": [0, 9e6], "period_seconds": 30}
spiky = {"cpu": {"shape": "idle"}, "memory": {**memory, "shape": "spiky"}, "lifetime_seconds": [1, 2]}
patterns = [{"name": "a-{n}", "count": 30, "memory": memory, **busy}, {"name": "b", "churn_weight": 1, **busy},
            {"name": "c", "churn_weight": 2.5, **spiky}]
start = request.read_start({"type": "start", "run_dir": "/x", "owner": "o", "deadline_seconds": 9, "seed": 7,
                            "patterns": patterns, "churn_per_second": 25})
drawn = start.children, list(islice(request.arrivals(start), 300))
print(hashlib.sha256(repr(drawn).encode()).hexdigest())
"""
    python = tools.find_python39()
    if python is None:
        pytest.skip("no Python 3.9 here")
    environ = {"PYTHONPATH": str(archive)}
    drawn = {subprocess.check_output([one, "-c", look], env=environ) for one in (python, sys.executable)}
    assert len(drawn) == 1


@pytest.mark.real
def test_the_rate_is_held_and_everybody_ends(load, tools):
    running = load([tools.pattern("stays", 3), _job()], more={"churn_per_second": 25})
    begin = running.expect("status")
    latest = begin
    while latest["elapsed_s"] < begin["elapsed_s"] + 4:
        latest = running.expect("status")
    elapsed = latest["elapsed_s"] - begin["elapsed_s"]
    assert latest["spawned_total"] - begin["spawned_total"] == pytest.approx(25 * elapsed, abs=2)
    assert latest["achieved_rate"] == pytest.approx(25, rel=0.02)
    assert (latest["requested_rate"], latest["achieved"], latest["died_total"]) == (25, 3, 0)
    assert latest["active"] == pytest.approx(3 + 25 * 0.3, abs=7)
    assert latest["spawned_total"] - latest["exited_total"] == latest["active"]


@pytest.mark.real
def test_what_they_use_is_measured_however_many_come_and_go(load, tools):
    busy = {"shape": "steady", "cores": 0.1}
    job = _job(lifetime_seconds=[0.02, 0.04])
    running = load([tools.pattern("busy", cpu=busy), job], more={"churn_per_second": 400})
    found = [running.expect("status") for _ in range(6)][-1]
    assert found["rss_bytes"]
    assert found["cpu_cores"] > 0.05


@pytest.mark.real
def test_two_runs_show_the_same_processes(load, tools):
    """As the kernel shows them: whoever was seen in both has the same command line."""

    patterns = [_job(unique_command_line=True), _job("other-{n}", unique_command_line=True)]
    loads = [load(patterns, more={"churn_per_second": 15}) for _ in range(2)]
    found: list[dict[str, list[str]]] = [{}, {}]
    while len(found[0].keys() & found[1].keys()) < 20:
        for running, seen in zip(loads, found, strict=True):
            for pid in tools.simulated_by(running):
                with suppress(psutil.NoSuchProcess):
                    name, *arguments = psutil.Process(pid).cmdline() or [""]
                    if name.startswith(("job", "other")):  # else it is about to become one
                        seen.setdefault(name, arguments)
    both = found[0].keys() & found[1].keys()
    assert {name: found[0][name] for name in both} == {name: found[1][name] for name in both}


@pytest.mark.real
def test_files_of_the_gone_do_not_pile_up(load, tools):
    running = load([_job(lifetime_seconds=[0.01, 0.02])], more={"churn_per_second": 500})
    while running.expect("status")["spawned_total"] < 1000:
        pass
    assert len([one for one in running.run_dir.rglob("job-*") if one.is_file()]) < 400


@pytest.mark.real
def test_the_cap_holds_the_short_lived_back(load, tools):
    limits = {"processes": 8, "memory_bytes": 0, "cpu_cores": 0}
    job = _job(lifetime_seconds=[0.01, 5])
    running = load(
        [tools.pattern("stays", 3), job], until=None, more={"churn_per_second": 50, "limits": limits}
    )
    error = running.read()
    assert (error["type"], error["code"]) == ("error", "too_many_processes")
    assert "8" in error["message"]


@pytest.mark.real
def test_a_ramp_is_climbed_and_left_again(load, tools):
    ramp = [[0, 0.25], [1, 1.0], [2, 1.0], [3, 0.5]]
    running = load([tools.pattern("svc-{n}", 20)], more={"ramp": ramp})
    assert running.first["requested"] == running.first["achieved"] == 5
    seen = [running.expect("status") for _ in range(4)]
    assert max(status["achieved"] for status in seen) == 20
    assert (seen[-1]["requested"], seen[-1]["achieved"]) == (10, 10)
    names = sorted(psutil.Process(pid).name() for pid in tools.simulated_by(running))
    assert names == [f"svc-{n:04d}" for n in range(10)]


@pytest.mark.real
def test_a_process_without_restart_stays_away(load, tools):
    running = load(
        [tools.pattern("once", 2, lifetime_seconds=[0.2, 0.2], restart=False), tools.pattern("stays")]
    )
    status = running.expect("status")
    while status["requested"] > 1:
        status = running.expect("status")
    assert (status["achieved"], status["died_total"], status["restarts"]) == (1, 0, 0)


def _port(running):
    found = re.fullmatch(r"http://127\.0\.0\.1:([0-9]+)/metrics", running.first["metrics_url"])
    assert found
    return int(found[1])


@pytest.mark.real
def test_figures_are_served_on_the_loopback(load, tools):
    running = load([tools.pattern("svc", 4), _job()], more={"churn_per_second": 10, "metrics_port": 0})
    port = _port(running)
    running.expect("status")
    running.expect("status")
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        values = {sample.name: sample.value for family in families for sample in family.samples}
    assert values["phoenix_loadsim_requested_processes"] == values["phoenix_loadsim_achieved_processes"] == 4
    assert values["phoenix_loadsim_active_processes"] >= 4
    assert values["phoenix_loadsim_churn_rate_ops_sec"] == pytest.approx(10, rel=0.1)
    assert values["phoenix_loadsim_requested_churn_rate_ops_sec"] == 10
    assert values["phoenix_loadsim_spawned_total"] > 10


@pytest.mark.real
def test_whoever_is_slow_or_rude_does_not_hold_it_up(load, tools):
    running = load([tools.pattern("svc", 2), _job()], more={"churn_per_second": 20, "metrics_port": 0})
    port = _port(running)
    rude = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for number, one in enumerate(rude):
        one.sendall([b"", b"GET /metr", b"\0" * 4000, b"x" * 9000][number % 4])
    running.expect("status")
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert b"active_processes" in answer.read()
    assert running.expect("status")["achieved_rate"] == pytest.approx(20, rel=0.1)
    with pytest.raises(OSError, match="404"):
        urlopen(f"http://127.0.0.1:{port}/etc/passwd", timeout=5)
    for one in rude:
        one.close()


@pytest.mark.real
def test_processes_of_another_user_are_seen_as_such(load, tools):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    running = load([tools.pattern("theirs", 2, user="nobody"), tools.pattern("ours")])
    owners = Counter(psutil.Process(pid).username() for pid in tools.simulated_by(running))
    assert owners == {"nobody": 2, psutil.Process().username(): 1}
