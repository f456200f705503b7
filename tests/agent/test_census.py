"""The census against psutil, and against a population that is known."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.real


@pytest.fixture
def shell():
    """Starts `sh -c SCRIPT` with pipes; its children end with it."""
    started = []

    def start(script):
        process = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _snapshot():
    found = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                found[process.pid, process.create_time()] = (
                    process.name(),
                    process.cpu_times(),
                    process.ppid(),
                )
        except psutil.Error:
            continue
    return found


def test_it_agrees_with_psutil_on_every_process_of_the_host(census, tools):
    before = _snapshot()
    seen = census.tick()
    after = _snapshot()
    rows = tools.rows_of(seen)
    tick = 1 / seen["clk_tck"]
    for key in before.keys() & after.keys():
        pid, created = key
        row = rows[pid]
        assert abs(row["start_ticks"] * tick + seen["boot_time"] - created) < 1.5
        if not row["is_kernel_thread"] and before[key][0] == after[key][0]:
            assert row["name"] == before[key][0]
        for column, field in (
            ("utime_ticks", 0),
            ("stime_ticks", 1),
            ("cutime_ticks", 2),
            ("cstime_ticks", 3),
        ):
            assert (
                before[key][1][field] - 1.5 * tick <= row[column] * tick <= after[key][1][field] + 1.5 * tick
            )
    assert census.pid in rows
    assert len(rows) >= len(before.keys() & after.keys())


def test_memory_is_exact_for_a_process_that_rests(census, tools, shell):
    process = shell("echo up; read x")
    process.stdout.readline()
    resting = psutil.Process(process.pid)
    tools.wait_until(lambda: resting.status() == psutil.STATUS_SLEEPING, "the shell rests")
    assert tools.rows_of(census.tick())[process.pid]["rss_bytes"] == resting.memory_info().rss


def test_odd_names_are_read_whole(census, tools, shell):
    for name in ("a b", "x) R 1 (y", "))((", "tab\\there"):
        process = shell(f"printf '%s' '{name}' > /proc/self/comm; echo up; read x")
        process.stdout.readline()
        assert tools.rows_of(census.tick())[process.pid]["name"] == name


def test_exec_changes_the_name_but_not_the_start(census, tools, shell):
    process = shell("echo up; read x; exec sleep 60")
    process.stdout.readline()
    before = tools.rows_of(census.tick())[process.pid]
    process.stdin.write(b"go\n")
    process.stdin.flush()
    tools.wait_until(
        lambda: tools.rows_of(census.tick())[process.pid]["name"] == "sleep", "the shell became sleep"
    )
    after = tools.rows_of(census.tick())[process.pid]
    assert (before["name"], before["start_ticks"]) == ("sh", after["start_ticks"])


def test_a_zombie_says_so_and_disappears_once_reaped(census, tools):
    ended = subprocess.Popen(["true"])
    tools.wait_until(lambda: tools.rows_of(census.tick())[ended.pid]["state"] == "Z", "the child is a zombie")
    assert tools.rows_of(census.tick())[ended.pid]["rss_bytes"] == 0
    ended.wait()
    assert ended.pid not in tools.rows_of(census.tick())


def test_cpu_of_reaped_children_is_told(census, tools, shell):
    process = shell("timeout 0.2 sh -c 'while :; do :; done'; echo done; read x")
    process.stdout.readline()
    seen = census.tick()
    row = tools.rows_of(seen)[process.pid]
    assert row["cutime_ticks"] + row["cstime_ticks"] >= 5
    assert seen["reaped_ticks"] >= row["cutime_ticks"] + row["cstime_ticks"]


def test_it_tells_what_places_a_tick_in_time(census):
    seen = census.tick()
    assert abs(seen["wall"] - time.time()) < 5
    assert abs(seen["mono"] - time.monotonic()) < 5
    assert abs(seen["boot_time"] - psutil.boot_time()) < 2
    assert seen["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    later = census.tick()
    assert later["host"]["forks"] >= seen["host"]["forks"]
    assert sum(later["host"]["cpu_ticks"]) >= sum(seen["host"]["cpu_ticks"])


def test_a_command_line_is_never_told(census, shell):
    private = "hunter2-in-the-command-line"
    process = shell(f"echo up; read x # {private}")
    process.stdout.readline()
    assert private not in json.dumps(census.tick())


def test_throttling_is_told_or_missing(census):
    throttled = census.tick(cgroup_of=[os.getpid(), 2**22 + 1])["throttled"]
    assert set(throttled) <= {str(os.getpid())}
    for counts in throttled.values():
        assert set(counts) == {"nr_periods", "nr_throttled"}


_NAMESPACE = """
import json, subprocess, sys
archive, run_dir, patterns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
def start(command):
    return subprocess.Popen([sys.executable, "-IS", archive, command], stdin=-1, stdout=-1)
load, census = start("load"), start("census")
request = {"v": 1, "type": "start", "run_dir": run_dir, "owner": "inside", "seed": 1, "deadline_seconds": 60}
load.stdin.write(json.dumps({**request, "patterns": patterns}).encode() + b"\\n")
load.stdin.flush()
while b'"ready"' not in load.stdout.readline(): pass
census.stdin.write(b'{"v":1,"type":"tick","id":1}\\n')
census.stdin.flush()
census.stdout.readline()
print(census.stdout.readline().decode())
load.communicate()
census.communicate()
"""


def test_in_a_namespace_of_its_own_it_sees_exactly_the_known_population(archive, tmp_path, tools):
    isolate = ["unshare", "--pid", "--fork", "--mount-proc"]
    isolate += [] if os.getuid() == 0 else ["--map-root-user"]
    if subprocess.run([*isolate, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make PID namespaces")
    patterns = [
        tools.pattern("nginx", 5),
        tools.pattern("containerd-shim-runc-v2", 7),
        tools.pattern("svc-{n}", 30),
    ]
    driver = [sys.executable, "-c", _NAMESPACE, str(archive), str(tmp_path / "run"), json.dumps(patterns)]
    done = subprocess.run([*isolate, *driver], check=True, capture_output=True, timeout=60)
    names = Counter(row["name"] for row in tools.rows_of(json.loads(done.stdout)).values())
    pythons = {name: count for name, count in names.items() if name.startswith("python")}
    assert sum(pythons.values()) == 4  # the driver, the census, the guard of the load and its generator
    expected = {"nginx": 5, "containerd-shim-runc-v2": 7, **{f"svc-{i:04d}": 1 for i in range(30)}}
    assert names - Counter(pythons) == Counter(expected)
    assert sum(names.values()) == 4 + 42


def test_it_reads_the_table_that_host_proc_names(agent, tmp_path, tools):
    folder = tmp_path / "proc"
    (folder / "7").mkdir(parents=True)
    fields = " ".join(["3", *["0"] * 9, "11", "12", "13", "14", *["0"] * 4, "99", *["0"] * 30])
    (folder / "7" / "stat").write_text(f"7 (faked) S {fields}\n")
    (folder / "7" / "statm").write_text("9 5 1 1 0 1 0\n")
    (folder / "8").mkdir()
    (folder / "stat").write_text("cpu  1 2 3 4\nbtime 1000\nprocesses 5\n")
    (folder / "sys/kernel/random").mkdir(parents=True)
    (folder / "sys/kernel/random/boot_id").write_text("abc\n")
    running = agent("census", env={"HOST_PROC": str(folder)})
    running.expect("hello")
    seen = running.tick()
    page = os.sysconf("SC_PAGE_SIZE")
    assert seen["processes"] == [[7, 99, "faked", 11, 12, 5 * page, 3, False, "S", 13, 14]]
    assert (seen["boot_time"], seen["boot_id"], seen["host"]) == (
        1000,
        "abc",
        {"cpu_ticks": [1, 2, 3, 4], "forks": 5},
    )
    assert seen["reaped_ticks"] == 27


@pytest.mark.parametrize("version", [1, 2])
def test_throttling_is_summed_over_the_levels(tmp_path, monkeypatch, version):
    from phoenix.agent import cgroup

    group, base = (
        ("1:cpu,cpuacct:/a/b", "fs/cgroup/cpu,cpuacct") if version == 1 else ("0::/a/b", "fs/cgroup")
    )
    (tmp_path / "proc/5").mkdir(parents=True)
    (tmp_path / "proc/5/cgroup").write_text(f"3:memory:/other\n{group}\n")
    for level, count in (("a/b", 3), ("a", 4)):
        folder = tmp_path / "sys" / base / level
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.stat").write_text(f"usage_usec 5\nnr_periods 10\nnr_throttled {count}\n")
    monkeypatch.setenv("HOST_PROC", str(tmp_path / "proc"))
    monkeypatch.setenv("HOST_SYS", str(tmp_path / "sys"))
    assert cgroup.throttling(5) == {"nr_periods": 20, "nr_throttled": 7}
    assert cgroup.throttling(6) is None
