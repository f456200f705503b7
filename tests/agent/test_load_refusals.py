"""What a host does not allow is refused before anything is started, with the reason."""

import os
import socket
from pathlib import Path

import pytest

pytestmark = pytest.mark.real


def _refused(running, tools, code):
    error = running.read()
    while error["type"] == "status":
        error = running.read()
    assert (error["type"], error["code"]) == ("error", code), error
    assert running.wait() == 2
    assert not running.run_dir.exists()
    assert tools.marked(running.owner) == []
    return error["message"]


def _group(controller, *files):
    """A control group of our own that has one of the files of a limit, and that file; None where we can make none."""
    for parent in (Path("/sys/fs/cgroup") / controller, Path("/sys/fs/cgroup")):
        if (parent / "cgroup.procs").exists() and os.access(parent, os.W_OK):
            group = parent / f"phoenix-test-{os.getpid()}"
            group.mkdir()
            for file in files:
                if (group / file).exists():
                    return group, group / file
            group.rmdir()
    return None


def _pids_group():
    found = _group("pids", "pids.max")
    return found and found[0]


def test_more_processes_than_pids_max_allows(load, tools):
    group = _pids_group()
    if group is None:
        pytest.skip("no control group with a limit of processes can be made here")
    try:
        (group / "pids.max").write_text("40")
        inside = ("sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh")
        running = load([tools.pattern("svc-{n}", 100)], until=None, prefix=inside)
        assert str(group) in _refused(running, tools, "too_many_processes")
        allowed = load([tools.pattern("svc-{n}", 20)], prefix=inside)
        assert allowed.first["achieved"] == 20
        allowed.send(type="stop")
        allowed.expect("stopped")
        allowed.wait()
    finally:
        group.rmdir()


def test_a_host_that_allows_no_more_ends_the_load_and_says_so(load, tools):
    group = _pids_group()
    if group is None:
        pytest.skip("no control group with a limit of processes can be made here")
    try:
        inside = ("sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh")
        running = load([tools.pattern("svc-{n}", 5, lifetime_seconds=[2, 2])], prefix=inside)
        (group / "pids.max").write_text("2")
        while (message := running.read())["type"] == "status":
            pass
        assert (message["type"], message["code"]) == ("error", "load_failed")
        assert "allows no more processes" in message["message"]
        assert running.expect("stopped")["left"] == 0
        assert running.wait() == 1
        assert tools.marked(running.owner) == []
    finally:
        group.rmdir()


def test_more_processes_than_the_user_may_have(load, tools, as_nobody):
    limited = {**as_nobody, "prefix": ("prlimit", "--nproc=30", *as_nobody["prefix"])}
    running = load([tools.pattern("svc-{n}", 100)], until=None, **limited)
    assert "65534" in _refused(running, tools, "too_many_processes")


def test_a_cap_that_leaves_no_room_for_its_keepers(load, tools):
    """The kernel counts generator and guard too: the last two processes could not be started."""
    limits = {"processes": 21, "memory_bytes": 1 << 30, "cpu_cores": 1}
    running = load([tools.pattern("svc-{n}", 20)], until=None, more={"limits": limits})
    assert "21" in _refused(running, tools, "too_many_processes")
    allowed = load([tools.pattern("svc-{n}", 20)], more={"limits": {**limits, "processes": 22}})
    assert allowed.first["achieved"] == 20


def test_more_cpu_than_there_is(load, tools):
    busy = tools.pattern("busy", 200, cpu={"shape": "steady", "cores": 1})
    assert "200.00 cores" in _refused(load([busy], until=None), tools, "not_enough_cpu")


def test_more_memory_than_the_host_can_spare(load, tools):
    memory = {"shape": "growing", "bytes": [0, 1 << 50], "period_seconds": 60}
    _refused(load([tools.pattern(memory=memory)], until=None), tools, "not_enough_memory")


def test_more_memory_than_the_group_around_it_may_have(load, tools):
    """As in a container, which sees the memory of its host."""
    found = _group("memory", "memory.max", "memory.limit_in_bytes")
    if found is None:
        pytest.skip("no control group with a limit of memory can be made here")
    group, limit = found
    try:
        limit.write_text(str(200 << 20))
        memory = {"shape": "steady", "bytes": [150 << 20, 150 << 20]}
        inside = ("sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh")
        running = load([tools.pattern(memory=memory)], until=None, prefix=inside)
        assert str(group) in _refused(running, tools, "not_enough_memory")
    finally:
        group.rmdir()


def test_a_user_that_is_not_there(load, tools):
    running = load([tools.pattern(user="nobody-of-that-name")], until=None)
    assert "nobody-of-that-name" in _refused(running, tools, "unknown_user")


def test_a_user_that_we_may_not_become(load, tools, as_nobody):
    running = load([tools.pattern(user="daemon")], until=None, **as_nobody)
    assert "need root" in _refused(running, tools, "not_permitted")


@pytest.mark.parametrize("missing", ["setuid", "setgid", "kill"])
def test_a_root_that_may_not_become_a_user(load, tools, missing):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    bounded = ("setpriv", f"--bounding-set=-{missing}", f"--inh-caps=-{missing}")
    running = load([tools.pattern(user="nobody")], until=None, prefix=bounded)
    assert "need the capabilities" in _refused(running, tools, "not_permitted")


def test_memory_that_the_kernel_does_not_give(load, tools):
    """Told at once: whoever came instead would end likewise, again and again."""
    memory = {"shape": "steady", "bytes": [64 << 20, 64 << 20]}
    limited = ("prlimit", f"--as={40 << 20}")
    running = load([tools.pattern("svc-{n}", 3, memory=memory)], until=None, prefix=limited)
    _refused(running, tools, "not_enough_memory")


def test_a_port_that_is_taken(load, tools):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = load([tools.pattern()], until=None, more={"metrics_port": port})
        assert str(port) in _refused(running, tools, "port_taken")


def test_the_kernel_holds_the_caps(load, tools):
    """Said only where it is so: our own group then has exactly these limits, and is removed in the end."""
    limits = {"processes": 50, "memory_bytes": 256 << 20, "cpu_cores": 0.5}
    running = load([tools.pattern("svc-{n}", 5)], more={"limits": limits})
    (generator,) = tools.children_of(running.pid)
    if "processes" not in running.first["capped"]:
        pytest.skip("this machine offers no control groups")
    lines = Path(f"/proc/{generator}/cgroup").read_text().splitlines()
    groups = {
        line.split(":")[1]: line.split(":", 2)[2] for line in lines if f"phoenix-load-{running.owner}" in line
    }
    assert groups
    mounted = [Path(f"/sys/fs/cgroup/{name}{path}") for name, path in groups.items()]
    found = {
        file.name: file.read_text().split()[0]
        for group in mounted
        for file in group.iterdir()
        if file.name in ("pids.max", "memory.max", "memory.limit_in_bytes", "cpu.cfs_quota_us", "cpu.max")
    }
    assert set(found.values()) == {"50", str(256 << 20), "50000"}
    running.send(type="stop")
    running.expect("stopped")
    running.wait()
    assert not any(group.exists() for group in mounted)
