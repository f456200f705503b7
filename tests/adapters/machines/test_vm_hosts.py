"""The tests' own hosts are what they claim to be, and nothing of them is left when they are stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.vm_hosts import VmHost
from tests.support.vm_network import LINKS, cgroups_of, link_of, processes_of, sweep
from tests.support.vm_pool import VmHosts
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[3]
OWNER = """
import sys
from pathlib import Path
from tests.support.vm_pool import VmHosts
from tests.support.vm_rootfs import rootfs

with VmHosts(Path(sys.argv[1]), rootfs()) as hosts:
    print(hosts.fresh(disk_mib=8).machine, flush=True)
    sys.stdin.read()
"""


def ssh(
    hosts: VmHosts, name: str, *command: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    argv = ["ssh", "-F", str(hosts.config), *options, name, *command]
    return subprocess.run(
        argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False
    )


def test_a_host_answers_by_its_name_with_systemd_up(vm_hosts: VmHosts):
    vm_hosts.shared("web-1")
    assert ssh(vm_hosts, "web-1", "systemctl", "is-system-running").stdout == "running\n"
    assert ssh(vm_hosts, "web-1", "hostname").stdout == "web-1\n"


def test_a_shared_host_is_the_same_one_and_up_whatever_was_done_to_it(vm_hosts: VmHosts):
    host = vm_hosts.shared("web-1")
    host.cut_network()
    assert vm_hosts.shared("web-1") is host
    assert ssh(vm_hosts, "web-1", "true").returncode == 0
    host.power_off_hard()
    vm_hosts.shared("web-1")
    assert ssh(vm_hosts, "web-1", "true").returncode == 0


def test_four_hosts_boot_at_once_and_share_nothing(vm_hosts: VmHosts):
    hosts = vm_hosts.several("web-1", "web-2", "web-3", "web-4")
    shown = [
        ssh(vm_hosts, host.name, "cat /etc/machine-id /proc/sys/kernel/random/boot_id; hostname")
        for host in hosts
    ]
    assert [line.stdout.split()[2] for line in shown] == ["web-1", "web-2", "web-3", "web-4"]
    assert len({word for line in shown for word in line.stdout.split()[:2]}) == 8
    assert len({host.host_key.split()[1] for host in hosts}) == 4
    assert len({pid for host in hosts for pid in host.pids()}) == sum(len(host.pids()) for host in hosts)


def test_a_unit_of_one_host_is_no_unit_of_another(vm_hosts: VmHosts):
    hosts = vm_hosts.several("web-1", "web-2")
    for host in hosts:
        started = host.run("systemd-run", "--unit=same", "sleep", "1000")
        assert started.returncode == 0, started.stderr
    assert hosts[0].run("systemctl", "stop", "same").returncode == 0
    assert hosts[1].run("systemctl", "is-active", "same").stdout == "active\n"
    hosts[1].run("systemctl", "stop", "same")


def test_a_unit_over_its_memory_is_ended_by_the_kernel(vm_hosts: VmHosts):
    host = vm_hosts.shared("web-1")
    hungry = ("python3", "-c", "print(len(bytearray(200 << 20)))")
    assert host.run("systemd-run", "--wait", *hungry).returncode == 0
    limited = host.run("systemd-run", "--wait", "--property=MemoryMax=64M", *hungry)
    assert "status=KILL" in limited.stderr


@pytest.mark.parametrize(
    ("user", "sees"), [("root", "root\nroot\n"), ("ops", "ops\nroot\n"), ("plain", "plain\n")]
)
def test_who_may_do_what(vm_hosts: VmHosts, user: str, sees: str):
    vm_hosts.shared("web-1")
    assert ssh(vm_hosts, f"{user}@web-1", "id -un; sudo -n id -un").stdout == sees


def test_a_key_that_is_not_authorised_is_refused(vm_hosts: VmHosts):
    vm_hosts.shared("web-1")
    other = vm_hosts.configuration("other", identity=vm_hosts.other_identity)
    refused = ssh(vm_hosts, "web-1", "true", options=("-F", str(other)))
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_an_unknown_host_key_is_refused(vm_hosts: VmHosts, tmp_path: Path):
    vm_hosts.shared("web-1")
    stranger = vm_hosts.configuration("stranger", known_hosts=tmp_path / "nothing-known")
    refused = ssh(vm_hosts, "web-1", "true", options=("-F", str(stranger)))
    assert refused.returncode == 255
    assert "No ED25519 host key is known" in refused.stderr


def test_a_changed_host_key_is_refused(vm_hosts: VmHosts):
    host = vm_hosts.fresh("impostor")
    assert ssh(vm_hosts, "impostor", "true").returncode == 0
    host.change_host_key()
    refused = ssh(vm_hosts, "impostor", "true")
    assert refused.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr


def test_a_power_cut_ends_everything_and_keeps_the_disk(vm_hosts: VmHosts):
    host = vm_hosts.fresh(disk_mib=8)
    before = ssh(
        vm_hosts, host.name, "cat /etc/machine-id; cat /proc/sys/kernel/random/boot_id"
    ).stdout.split()
    host.run("sh", "-c", "echo kept | tee /root/file > /var/lib/phoenix/file; echo lost > /run/file")
    host.run("systemd-run", "--unit=worker", "sleep", "1000")
    pids = host.pids()
    host.power_off_hard()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not host.pids()
    assert "timed out" in ssh(vm_hosts, host.name, "true", options=("-oConnectTimeout=1",)).stderr
    host.boot()
    after = ssh(
        vm_hosts, host.name, "cat /etc/machine-id; cat /proc/sys/kernel/random/boot_id"
    ).stdout.split()
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert host.run("cat", "/root/file", "/var/lib/phoenix/file").stdout == "kept\nkept\n"
    assert host.run("test", "-e", "/run/file").returncode == 1
    assert host.run("systemctl", "is-active", "worker").stdout == "inactive\n"


def test_a_host_that_turned_itself_off_boots_again(vm_hosts: VmHosts):
    host = vm_hosts.fresh()
    host.run("touch", "/root/kept")
    ssh(vm_hosts, host.name, "systemctl", "poweroff")
    eventually(lambda: not host.is_running, what="the end of a host that turned itself off")
    host.boot()
    assert host.run("test", "-e", "/root/kept").returncode == 0


def test_a_cut_network_answers_nothing_until_it_is_restored(vm_hosts: VmHosts):
    host = vm_hosts.fresh()
    session = subprocess.Popen(
        ["ssh", "-F", str(vm_hosts.config), host.name, "read line && echo got $line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: host.run("pgrep", "-f", "^bash -c read").returncode == 0, what="the session's command")
    host.cut_network()
    assert "timed out" in ssh(vm_hosts, host.name, "true", options=("-oConnectTimeout=1",)).stderr
    assert session.poll() is None
    host.restore_network()
    assert session.communicate("it\n", timeout=30)[0] == "got it\n"
    assert ssh(vm_hosts, host.name, "true").returncode == 0


def test_a_host_without_systemd_has_sshd_alone(vm_hosts: VmHosts):
    host = vm_hosts.fresh(systemd=False)
    shown = ssh(vm_hosts, host.name, "ls -d /run/systemd/system; ps -e -o comm=")
    assert "/run/systemd/system" not in shown.stdout
    assert "sshd" in shown.stdout.split()
    assert not {"systemd", "dbus-daemon"} & set(shown.stdout.split())


def test_a_host_without_python_has_none(vm_hosts: VmHosts):
    host = vm_hosts.fresh(python=False)
    assert ssh(vm_hosts, host.name, "command -v python3 python").returncode != 0
    assert ssh(vm_hosts, host.name, "ls -d /usr/lib/python3*").returncode != 0


def test_a_small_disk_gets_full_and_only_where_it_is_small(vm_hosts: VmHosts):
    host = vm_hosts.fresh(disk_mib=16)
    assert ssh(vm_hosts, host.name, "ls -A /var/lib/phoenix").stdout == ""
    full = ssh(vm_hosts, host.name, "head -c 20M /dev/zero > /var/lib/phoenix/file")
    assert "No space left on device" in full.stderr
    assert ssh(vm_hosts, host.name, "head -c 20M /dev/zero > /var/tmp/file").returncode == 0


def test_a_host_claims_the_architecture_it_was_given(vm_hosts: VmHosts):
    host = vm_hosts.fresh(machine="aarch64")
    assert ssh(vm_hosts, host.name, "uname -m").stdout == "aarch64\n"
    assert ssh(vm_hosts, host.name, "uname -sm").stdout == "Linux aarch64\n"


def test_a_stopped_host_leaves_nothing(vm_hosts: VmHosts):
    host = vm_hosts.fresh(disk_mib=8)
    assert all(traces(host, vm_hosts).values()), traces(host, vm_hosts)
    host.stop()
    assert not any(traces(host, vm_hosts).values()), traces(host, vm_hosts)
    host.stop()


def test_a_fresh_host_ends_with_its_test(vm_hosts: VmHosts):
    with vm_hosts.for_one_test() as hosts:
        host = hosts.fresh("short-lived")
    assert not any(traces(host, vm_hosts).values()), traces(host, vm_hosts)
    assert "short-lived" not in vm_hosts.config.read_text() + vm_hosts.known_hosts.read_text()


def test_a_host_that_cannot_start_shows_its_console(vm_hosts: VmHosts):
    host = vm_hosts.fresh(disk_mib=8, boot=False)
    (host.disk / "installed").touch()  # claims that the small file system was made already
    with pytest.raises(AssertionError, match=r"small\.img"):
        host.boot()


def test_a_killed_session_leaves_no_process_and_the_next_one_sweeps_the_rest(
    vm_hosts: VmHosts, tmp_path: Path
):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdin
    assert owner.stdout
    with owner.stdin, owner.stdout:
        machine = owner.stdout.readline().strip()
        assert processes_of(machine)
        sweep()
        assert processes_of(machine), "what has a living owner is not swept"
        assert (LINKS / f"px{owner.pid}").exists()
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    eventually(lambda: not processes_of(machine), seconds=5, what=f"no process of {machine}")
    eventually(lambda: not (LINKS / link_of(machine)).exists(), seconds=5, what=f"no link of {machine}")
    sweep()
    assert not (LINKS / f"px{owner.pid}").exists()
    assert not cgroups_of(machine)
    assert not loops_below(tmp_path)


def traces(host: VmHost, hosts: VmHosts) -> dict[str, list[object]]:
    """What the kernel and the disk know of a host."""
    return {
        "processes": list(processes_of(host.machine)),
        "cgroups": list(cgroups_of(host.machine)),
        "links": [path.name for path in LINKS.iterdir() if host.machine in path.name],
        "mounts": mounts_below(host.disk),
        "loops": loops_below(host.disk),
        "disk": [host.disk] if host.disk.exists() else [],
    }


def mounts_below(folder: Path) -> list[object]:
    """Mounts that name a folder, in the mount namespace of any process."""
    found: set[str] = set()
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            found.update(line for line in table.read_text().splitlines() if str(folder) in line)
        except OSError:
            continue
    return list(found)


def loops_below(folder: Path) -> list[object]:
    files = [path.read_text().strip() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    return [file for file in files if file.startswith(str(folder))]
