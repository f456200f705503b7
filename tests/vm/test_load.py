"""A load on a real host, over SSH: in a scope of systemd, and gone with whoever kept it."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from phoenix.composition import compose
from tests.support.waiting import eventually
from tests.vm.conftest import emptied

pytestmark = pytest.mark.real

OWNER = "load-vmtest01"
MINUTE = timedelta(minutes=1)
LOAD = {
    "seed": 1,
    "patterns": [
        {"name": "tenant-{n}", "count": 40, "cpu": {"shape": "idle"}},
        {"name": "job", "cpu": {"shape": "idle"}, "churn_weight": 1, "lifetime_seconds": [0.1, 0.3]},
        {"name": "theirs", "count": 2, "user": "nobody", "cpu": {"shape": "idle"}},
    ],
    "churn_per_second": 10,
    "limits": {"processes": 100, "memory_bytes": 256 << 20, "cpu_cores": 0.75},
}
_DRIVER = """
import json, sys, time
from datetime import timedelta
from phoenix.composition import compose
host = compose().hosts.open(sys.argv[1])
with host.start_load(sys.argv[2], json.loads(sys.argv[3]), timedelta(minutes=2)) as session:
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def host(home, monkeypatch, vm_hosts):
    monkeypatch.setenv("PHOENIX_SSH_CONFIG", str(vm_hosts.config))
    found = vm_hosts.shared("web-1")
    emptied(found)
    return found


def simulated(host) -> list[str]:
    """Names of what runs there with the load's mark, by a scan of its process table."""
    mark = f"^PHOENIX_OWNER={OWNER}$"
    look = 'for p in /proc/[0-9]*; do grep -qsza "$0" "$p/environ" && cat "$p/comm"; done 2>/dev/null; true'
    return host.run("sh", "-c", look, mark).stdout.split()


def test_it_stands_in_a_scope_of_its_own_and_is_gone_with_it(host):
    with compose().hosts.open(host.uri).start_load(OWNER, LOAD, MINUTE) as session:
        status = session.status()
        assert (status.requested, status.achieved) == (42, 42)
        assert (status.contained_by, status.capped) == ("pid namespace", ("processes", "memory", "cpu"))
        assert simulated(host).count("theirs") == 2
        shown = host.run(
            "systemctl",
            "show",
            f"phoenix-load-{OWNER}:*.scope",
            "-p",
            "TasksMax,MemoryMax,CPUQuotaPerSecUSec",
        )
        assert sorted(shown.stdout.split()) == [
            "CPUQuotaPerSecUSec=750ms",
            f"MemoryMax={256 << 20}",
            "TasksMax=100",
        ]
    assert simulated(host) == []
    assert compose().hosts.open(host.uri).leftovers(OWNER) == ()
    eventually(
        lambda: "phoenix-load" not in host.run("systemctl", "list-units", "--all").stdout,
        what="the scope is gone",
    )


def test_it_is_gone_two_seconds_after_its_control_plane_was_killed(host):
    command = [sys.executable, "-c", _DRIVER, host.uri, OWNER, json.dumps(LOAD)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as driver:
        assert driver.stdout
        assert driver.stdout.readline() == b"ready\n"
        assert len(simulated(host)) >= 42
        driver.send_signal(signal.SIGKILL)
        eventually(lambda: simulated(host) == [], what="nothing of it runs there", seconds=2)
    remote = compose().hosts.open(host.uri)
    remote.clear(OWNER)
    assert remote.leftovers(OWNER) == ()
