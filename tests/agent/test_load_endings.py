"""Whatever ends a load, and however hard: two seconds later the process table shows nothing of it."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.real

MIB = 1 << 20
GONE_SECONDS = 2.0
POLITE = ["stop", "eof", "signal", "deadline", "silence"]
HARD = [
    "generator killed",
    "guard killed",
    "both killed",
    "tree terminated",
    "tree killed",
    "generator frozen, then eof",
    "generator frozen, then signal",
    "generator frozen, then guard killed",
    "processes frozen, then stop",
]


@pytest.fixture(params=["root", "without namespaces", "user"])
def privileges(request, as_nobody):
    """Options that start an agent with a host's rights: `load(..., **privileges)`."""
    bounded = {"prefix": ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")}
    return {"root": {}, "without namespaces": bounded, "user": as_nobody}[request.param]


def _population(load, tools, **options):
    busy = {"cpu": {"shape": "steady", "cores": 0.01}, "memory": {"shape": "steady", "bytes": [MIB, MIB]}}
    job = {"name": "job-{n}", "cpu": {"shape": "idle"}, "churn_weight": 1, "lifetime_seconds": [0.2, 0.6]}
    patterns = [tools.pattern("idle-{n}", 20), tools.pattern("busy", 5, **busy), job]
    more = {"churn_per_second": 20, **options.pop("more", {})}
    running = load(patterns, more=more, **options)
    assert len(tools.simulated_by(running)) >= 25
    return running


def _ends(running, tools, ending):
    """Do it, and return the clock at which it was done."""
    guard, (generator,) = running.pid, tools.children_of(running.pid)
    tree = [guard, generator, *tools.children_of(generator)]
    frozen = {"generator frozen": [generator], "processes frozen": tree[2:]}
    for pid in frozen.get(ending.split(",")[0], ()):
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    match ending.split("then ")[-1]:
        case "stop":
            running.send(type="stop")
        case "eof":
            running.close_input()
        case "signal":
            os.kill(guard, signal.SIGTERM)
        case "generator killed":
            os.kill(generator, signal.SIGKILL)
        case "guard killed":
            os.kill(guard, signal.SIGKILL)
        case "both killed":
            os.kill(generator, signal.SIGKILL)
            os.kill(guard, signal.SIGKILL)
        case "tree terminated" | "tree killed":
            number = signal.SIGTERM if ending == "tree terminated" else signal.SIGKILL
            for pid in tree:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue  # the kernel was faster
        case "deadline" | "silence":
            running.wait()
            began = time.monotonic()
    return began


@pytest.mark.parametrize("ending", POLITE)
def test_a_proper_end_says_why_and_leaves_nothing(load, strays, tools, privileges, ending):
    times = {"deadline": {"deadline_seconds": 1}, "silence": {"more": {"silence_seconds": 1}}}
    running = _population(load, tools, **privileges, **times.get(ending, {}))
    began = _ends(running, tools, ending)
    stopped = running.expect("stopped")
    assert (stopped["reason"], stopped["left"]) == (ending, 0)
    assert running.wait() == 0
    assert time.monotonic() - began < GONE_SECONDS
    assert tools.marked(running.owner) == strays(running.owner) == []
    assert not running.run_dir.exists()


@pytest.mark.parametrize("ending", HARD)
def test_nothing_is_left_two_seconds_after_a_hard_end(load, tools, privileges, ending):
    running = _population(load, tools, **privileges)
    began = _ends(running, tools, ending)
    left = tools.marked(running.owner)
    while left and time.monotonic() - began < GONE_SECONDS:
        left = tools.marked(running.owner)
    # A guard whose generator does not answer gives it some seconds first.
    patient = ending in ("generator frozen, then eof", "generator frozen, then signal")
    if patient:
        tools.wait_until(lambda: not tools.marked(running.owner), "all processes are gone")
    else:
        assert left == []
    running.wait()


@pytest.mark.soak
@pytest.mark.parametrize("number", range(50))
@pytest.mark.parametrize("ending", ["generator killed", "guard killed", "both killed", "tree terminated"])
def test_fifty_times(load, tools, ending, number):
    running = _population(load, tools)
    began = _ends(running, tools, ending)
    while tools.marked(running.owner):
        assert time.monotonic() - began < GONE_SECONDS
    running.wait()


def test_a_killed_generator_is_told_by_its_guard(load, tools):
    running = _population(load, tools)
    os.kill(tools.children_of(running.pid)[0], signal.SIGKILL)
    while (message := running.read())["type"] != "error":
        pass
    assert (message["code"], message["message"]) == ("load_failed", "the generator was killed")
    assert running.expect("stopped")["reason"] == "killed"
    assert running.wait() == 1
    assert not running.run_dir.exists()


def test_what_it_is_contained_by_is_said_and_true(load, tools, privileges):
    running = _population(load, tools, **privileges)
    (generator,) = tools.children_of(running.pid)
    own, others = (Path(f"/proc/{pid}/ns/pid").readlink() for pid in (generator, os.getpid()))
    assert (own != others) is (running.first["contained_by"] == "pid namespace")
    assert (running.first["contained_by"] == "pid namespace") is (not privileges)


def test_a_load_never_ends_what_it_did_not_start(load, tools, tmp_path):
    """Even one that bears its mark and the names of its processes."""
    running = load([tools.pattern("twin", 3)])
    file = tmp_path / "twin"
    shutil.copy("/bin/sleep", file)
    bystander = psutil.Popen([file, "60"], env={"PHOENIX_OWNER": running.owner})
    try:
        running.send(type="stop")
        assert running.expect("stopped")["left"] == 0
        running.wait()
        assert bystander.is_running()
        assert bystander.status() != psutil.STATUS_ZOMBIE
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("way", ["straight", "by a link"])
def test_the_guard_ends_whatever_still_runs_a_file_of_the_load(load, tools, tmp_path, way):
    """Found in the process table, not in a list; the kernel names the file otherwise where a link leads to it."""
    (tmp_path / "by a link").symlink_to(tmp_path)
    running = load([tools.pattern("svc", 3)], folder=tmp_path / way if way == "by a link" else tmp_path)
    file = running.run_dir / "stray"
    shutil.copy("/bin/sleep", file)
    stray = subprocess.Popen([file, "60"], env={"PHOENIX_OWNER": running.owner})
    try:
        running.send(type="stop")
        assert running.expect("stopped")["left"] == 0
        assert stray.wait(2) == -signal.SIGKILL
    finally:
        stray.kill()
        stray.wait()


def test_a_beat_keeps_it_alive(load, tools):
    running = load([tools.pattern()], more={"silence_seconds": 1.5})
    for _ in range(4):
        running.expect("status")
        running.send(type="beat")
    assert running.process.poll() is None
    assert running.expect("stopped")["reason"] == "silence"
