"""Loads of real processes: the kernel's table shows what was asked for, and nothing is left."""

import json
import os
import signal
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import psutil
import pytest
import yaml

from phoenix.agent.load.request import expand
from phoenix.domain.load.plan import plan
from phoenix.domain.load.profile import parse_profile

pytestmark = pytest.mark.real

MIB = 1 << 20


def _plan(name, processes):
    document = yaml.safe_load((files("catalog") / "loads" / f"{name}.yaml").read_text())
    return plan(parse_profile(document), processes, seed=7)


def _table(pids):
    """Name, command line and PID of each, as psutil reads them."""
    return sorted((psutil.Process(pid).name(), tuple(psutil.Process(pid).cmdline()), pid) for pid in pids)


@pytest.mark.parametrize("size", [("realistic", 300), ("high-cardinality", 1000)])
def test_the_process_table_shows_exactly_the_plan(load, census, strays, tools, size):
    planned = _plan(*size)
    running = load([p.message() for p in planned.patterns])
    assert running.first["achieved"] == running.first["requested"] == size[1]
    rows = [
        row for row in tools.rows_of(census.tick()).values() if row["ppid"] in tools.children_of(running.pid)
    ]
    children = expand([p.message() for p in planned.patterns], 7)
    assert Counter(row["name"] for row in rows) == Counter(child.name for child in children)
    lines = Counter(tuple(psutil.Process(row["pid"]).cmdline()) for row in rows)
    assert lines == Counter((child.name, *child.arguments) for child in children)
    running.send(type="stop")
    stopped = running.expect("stopped")
    assert (stopped["reason"], stopped["left"]) == ("stop", 0)
    assert running.wait() == 0
    assert strays(running.owner) == []
    assert not running.run_dir.exists()


def test_a_stop_right_behind_the_start_is_heard(agent, tmp_path, tools):
    running = agent("load")
    start = {
        "v": 1,
        "type": "start",
        "run_dir": str(tmp_path / "run"),
        "owner": "hasty",
        "seed": 1,
        "deadline_seconds": 60,
        "patterns": [tools.pattern()],
    }
    running.send_raw(json.dumps(start).encode() + b'\n{"v":1,"type":"stop"}\n')
    assert running.expect("stopped")["reason"] == "stop"
    assert running.wait() == 0


def test_stopped_processes_are_ended_too(load, tools):
    running = load([tools.pattern("stubborn", 3)])
    for pid in tools.simulated_by(running):
        os.kill(pid, signal.SIGSTOP)
    running.send(type="stop")
    assert running.expect("stopped")["left"] == 0


def test_a_deadline_may_be_weeks_away(load, tools):
    running = load([tools.pattern()], deadline_seconds=40 * 86400)
    running.expect("status")
    running.send(type="stop")
    assert running.expect("stopped")["reason"] == "stop"


def test_no_process_holds_what_its_starter_forgot_to_close(load, tools):
    """Nor are there too many descriptors for select(2) then."""
    forget = "import os, sys; [os.set_inheritable(os.dup(0), True) for _ in range(1100)]; os.execvp(sys.argv[1], sys.argv[1:])"
    running = load([tools.pattern()], prefix=(sys.executable, "-c", forget))
    (pid,) = tools.simulated_by(running)
    assert len(list(Path(f"/proc/{pid}/fd").iterdir())) == 3


def test_strays_are_found_by_their_mark_until_they_end(load, strays, tools):
    running = load([tools.pattern("marked-{n}", 4)])
    assert sorted(row[2] for row in strays(running.owner)) == [f"marked-{i:04d}" for i in range(4)]
    assert strays(running.owner + "x") == []


def test_an_agent_with_the_mark_does_not_find_itself(agent):
    running = agent(
        "strays", "--owner", "exp-self", env={"PHOENIX_OWNER": "exp-self"}, prefix=("timeout", "30")
    )
    assert running.expect("strays")["processes"] == []


def test_the_environment_holds_the_mark_only(load, tools):
    running = load([tools.pattern("bare")])
    (pid,) = tools.simulated_by(running)
    assert psutil.Process(pid).environ() == {"PHOENIX_OWNER": running.owner}
    assert {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()} == {"/dev/null"}
    assert psutil.Process(pid).exe() == str(running.run_dir / "0" / "bare")
    assert running.run_dir.stat().st_mode & 0o777 == 0o700


def test_names_longer_than_the_kernel_keeps_are_shown_whole(load, census, tools):
    name = "a-service-with-a-name-of-more-than-fifteen-bytes"
    running = load([tools.pattern(name)])
    (pid,) = tools.simulated_by(running)
    assert tools.rows_of(census.tick())[pid]["name"] == name
    assert Path(f"/proc/{pid}/comm").read_text() == name[:15] + "\n"


def test_cpu_is_used_as_asked(load, census, tools):
    steady = tools.pattern("steady", 2, cpu={"shape": "steady", "cores": 0.1})
    spiky = tools.pattern("spiky", 2, cpu={"shape": "spiky", "cores": 0.1, "period_seconds": 1})
    running = load([steady, spiky, tools.pattern("idle", 2)])

    def used(seen):
        rows = tools.rows_of(seen).values()
        return {
            r["pid"]: (r["name"], r["utime_ticks"] + r["stime_ticks"])
            for r in rows
            if r["ppid"] in tools.children_of(running.pid)
        }

    first = census.tick()
    latest = []

    def enough_time_passed():
        latest[:] = [census.tick()]
        return latest[0]["mono"] - first["mono"] >= 4

    tools.wait_until(enough_time_passed, "four seconds passed")
    elapsed = latest[0]["mono"] - first["mono"]
    for pid, (name, ticks) in used(latest[0]).items():
        cores = (ticks - used(first)[pid][1]) / latest[0]["clk_tck"] / elapsed
        # A burst more or less of a spiky process, and two ticks of resolution.
        low, high = {"idle": (0, 0), "steady": (0.08, 0.12), "spiky": (0.065, 0.135)}[name]
        assert low <= cores <= high, f"{name} used {cores:.3f} cores"


def test_memory_is_held_as_asked(load, census, tools):
    running = load(
        [
            tools.pattern("idle", 3),
            tools.pattern("large", 3, memory={"shape": "steady", "bytes": [8 * MIB, 8 * MIB]}),
        ]
    )

    def resident():
        rows = tools.rows_of(census.tick()).values()
        return [(r["name"], r["rss_bytes"]) for r in rows if r["ppid"] in tools.children_of(running.pid)]

    tools.wait_until(
        lambda: all(size >= 8 * MIB for name, size in resident() if name == "large"), "memory is there"
    )
    for name, size in resident():
        assert 0 <= size - {"idle": 0, "large": 8 * MIB}[name] <= 64 * 1024


def test_memory_grows_to_its_maximum(load, census, tools):
    memory = {"shape": "growing", "bytes": [MIB, 3 * MIB], "period_seconds": 0.64}
    running = load([tools.pattern("leak", memory=memory)])
    (pid,) = tools.simulated_by(running)
    sizes = []

    def is_full():
        sizes.append(tools.rows_of(census.tick())[pid]["rss_bytes"])
        return sizes[-1] >= 3 * MIB

    tools.wait_until(is_full, "memory reached its maximum")
    assert sizes == sorted(sizes)
    assert sizes[-1] <= 3 * MIB + 64 * 1024


def test_processes_are_replaced_at_their_age(load, tools):
    running = load([tools.pattern("job", 4, lifetime_seconds=[1, 1]), tools.pattern("stays", 2)])
    before = _table(tools.simulated_by(running))
    status = running.expect("status")
    while status["restarts"] < 8:
        status = running.expect("status")
    after = _table(tools.simulated_by(running))
    assert [row[:2] for row in before] == [row[:2] for row in after]
    assert {row[2] for row in before if row[0] == "stays"} == {row[2] for row in after if row[0] == "stays"}
    assert not {row[2] for row in before if row[0] == "job"} & {row[2] for row in after if row[0] == "job"}
    assert status["died_total"] == 0
    assert status["spawned_total"] - status["exited_total"] == status["achieved"] == 6
    assert 0 <= status["lateness_p99_s"] < 0.5


def test_a_process_that_something_else_killed_comes_back(load, tools):
    running = load([tools.pattern("victim", 2)])
    os.kill(tools.simulated_by(running)[0], signal.SIGKILL)
    status = running.expect("status")
    while status["died_total"] < 1 or status["achieved"] < 2:
        status = running.expect("status")
    assert (status["spawned_total"], status["restarts"], status["lateness_p99_s"]) == (3, 0, None)


def test_the_same_seed_gives_the_same_processes(load, tools):
    patterns = [
        tools.pattern("svc-{n}", 10, memory={"shape": "steady", "bytes": [0, MIB]}, unique_command_line=True)
    ]
    tables = [
        [row[:2] for row in _table(tools.simulated_by(load(patterns, seed=seed)))] for seed in (3, 3, 4)
    ]
    assert tables[0] == tables[1] != tables[2]


def test_a_folder_that_exists_is_refused_and_left_alone(load, tmp_path, tools):
    (tmp_path / "run0").mkdir()
    (tmp_path / "run0" / "precious").write_text("x")
    running = load([tools.pattern()], until=None)
    error = running.read()
    assert (error["type"], error["code"]) == ("error", "bad_run_dir")
    assert running.wait() == 2
    assert (tmp_path / "run0" / "precious").exists()


def test_more_memory_than_the_host_can_spare_is_refused(load, tools):
    running = load([tools.pattern(memory={"shape": "steady", "bytes": [1 << 50, 1 << 50]})], until=None)
    error = running.read()
    assert (error["type"], error["code"]) == ("error", "not_enough_memory")
    assert running.wait() == 2
    assert not running.run_dir.exists()


def test_a_host_that_refuses_processes_fails_the_load_and_leaves_none(load, strays, tools):
    # Too long an argument for the kernel: the second process cannot start.
    patterns = [tools.pattern("first"), tools.pattern("second", arguments=["x" * 200_000])]
    running = load(patterns, until=None)
    error = running.read()
    assert (error["type"], error["code"]) == ("error", "load_failed")
    assert running.expect("stopped")["left"] == 0
    assert running.wait() == 1
    assert strays(running.owner) == []


def test_python_3_9_runs_it(load, agent, tools):
    python = tools.find_python39()
    if python is None:
        pytest.skip("no Python 3.9 here")
    running = load([tools.pattern("old-{n}", 5, lifetime_seconds=[1, 1])], python=python)
    table = agent("census", python=python)
    rows = tools.rows_of(table.tick())
    assert sorted(r["name"] for r in rows.values() if r["ppid"] in tools.children_of(running.pid)) == [
        f"old-{i:04d}" for i in range(5)
    ]
    while running.expect("status")["restarts"] < 1:
        pass
    assert agent("strays", "--owner", running.owner, python=python).expect("strays")["processes"]
    running.send(type="stop")
    assert running.expect("stopped")["left"] == 0
