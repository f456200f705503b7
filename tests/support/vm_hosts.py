"""Real hosts for the tests: systemd and sshd in containers, each with its own disk and a real link to it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from tests.support.vm_network import Network, ip, kill, link_of, processes_of, remove_traces
from tests.support.vm_rootfs import own_namespaces
from tests.support.waiting import eventually

BOOT_SECONDS = 60
ENVIRONMENT = (
    "HOME=/root",
    "LANG=C.UTF-8",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
BOOT = Path(__file__).with_name("vm_boot.sh")


@dataclass(frozen=True)
class HostOptions:
    """What a host has and is.

    Attributes:
        systemd: whether systemd is its first process; else sshd is alone, without /run/systemd/system.
        python: whether it has a Python.
        disk_mib: size of a file system of its own at /var/lib/phoenix, MiB; None: its large disk.
        machine: the architecture it claims to be by `uname`, such as `aarch64`; None: the real one.
    """

    systemd: bool = True
    python: bool = True
    disk_mib: int | None = None
    machine: str | None = None

    def as_environment(self) -> dict[str, str]:
        return {
            "VM_SYSTEMD": "yes" if self.systemd else "no",
            "VM_PYTHON": "yes" if self.python else "no",
            "VM_DISK_MIB": str(self.disk_mib or ""),
            "VM_CLAIMS": self.machine or "",
        }


@dataclass(frozen=True)
class Place:
    """What a host is made from, given by who keeps the hosts.

    Attributes:
        slot: its number in the network, 2 to 254.
        disk: the folder that holds what it keeps between boots.
        launcher: starts processes in a thread that outlives the hosts, for they die with their thread.
    """

    network: Network
    slot: int
    rootfs: Path
    disk: Path
    launcher: Executor


class VmHost:
    """One host. `boot` starts it, `stop` ends it and removes all of it; both may be called again."""

    def __init__(self, name: str, place: Place, options: HostOptions, authorized_key: str) -> None:
        self.name = name
        self.options = options
        self.machine = place.network.machine(place.slot)
        self.address = place.network.address(place.slot)
        self.disk = place.disk
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._leader: int | None = None
        self._is_cut = False
        self._console = place.disk / "console.log"
        place.disk.mkdir(parents=True)
        (place.disk / "authorized_keys").write_text(authorized_key)
        self.host_key = new_key(place.disk / "host_key", name)

    @property
    def uri(self) -> str:
        return self.uri_as("root")

    def uri_as(self, user: str) -> str:
        """The target's URI for a user: root, ops (all by sudo) or plain (nothing)."""
        return f"ssh://{user}@{self.address}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def boot(self, seconds: float = BOOT_SECONDS) -> "VmHost":
        """Starts it, with the disk it had, and waits until it is up; fails with its console's last lines."""
        self.start()
        return self.wait_until_up(seconds)

    def start(self) -> None:
        """Starts it and returns at once: several hosts boot at the same time."""
        if self.is_running:
            return
        self.power_off_hard()  # where it ended by itself its link and cgroups may still be there
        network = self._place.network
        environment = self.options.as_environment() | {
            "PATH": os.environ["PATH"],
            "VM_MACHINE": self.machine,
            "VM_NAME": self.name,
            "VM_BRIDGE": network.bridge,
            "VM_ADDRESS": self.address,
            "VM_MAC": network.mac(self._place.slot),
            "VM_ROOTFS": str(self._place.rootfs),
            "VM_DISK": str(self._place.disk),
        }
        self._process = self._place.launcher.submit(self._spawn, environment).result()

    def wait_until_up(self, seconds: float = BOOT_SECONDS) -> "VmHost":
        """Returns when sshd greets and systemd, where there is one, has started all."""
        self._eventually(self._greets, seconds, "a greeting of its sshd")
        if self.options.systemd:
            self._eventually(self._is_started, seconds, "systemctl is-system-running: running or degraded")
        return self

    @property
    def leader(self) -> int:
        """The pid of its first process, as this machine's kernel counts."""
        if self._leader is None:
            self._leader = self._find_leader()
        if self._leader is None:
            raise RuntimeError(f"{self.name} is off")
        return self._leader

    def run(self, *argv: str, text: str = "", seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs a program as root inside, without its sshd or network; the caller judges its end."""
        enter = ("nsenter", "--target", str(self.leader), "--all", "--")
        command = [*enter, "env", "-i", *ENVIRONMENT, *argv]
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=seconds, check=False
        )

    def pids(self) -> set[int]:
        """What runs inside, in this machine's numbers; empty when it is off."""
        leader = self._leader or self._find_leader()
        if leader is None:
            return set()
        return {pid for pid in processes_of(self.machine) if _namespace(pid) == _namespace(leader)}

    def power_off_hard(self) -> None:
        """Ends everything of it at one blow, as a cut of its power does; its disk stays."""
        if self._process is not None:
            self._end(self._process)
        self._process = None
        self._leader = None
        self._is_cut = False
        remove_traces(self.machine)

    def cut_network(self) -> None:
        """From now on what it sends and what is sent to it is lost, without an answer."""
        ip("link", "set", link_of(self.machine), "down")
        self._is_cut = True

    def restore_network(self) -> None:
        """Ends a cut; does nothing without one."""
        if self._is_cut:
            ip("link", "set", link_of(self.machine), "up")
        self._is_cut = False

    def change_host_key(self) -> None:
        """Another host key from now on, as after an attack; `known_hosts` keeps the old one."""
        key = new_key(self._place.disk / "changed_key", self.name)
        private = (self._place.disk / "changed_key").read_text()
        for path, content in (("ssh_host_ed25519_key", private), ("ssh_host_ed25519_key.pub", key)):
            assert self.run("sh", "-c", f"cat > /etc/ssh/{path}", text=content).returncode == 0
        assert self.run("sh", "-c", "kill -HUP $(cat /run/sshd.pid)").returncode == 0
        self._eventually(lambda: key.split()[1] in self._shown_keys(), 10, "the changed key")

    def stop(self) -> None:
        """Ends it and removes its disk, link and cgroups."""
        self.power_off_hard()
        shutil.rmtree(self._place.disk, ignore_errors=True)

    def console(self, lines: int = 40) -> str:
        """The last lines it wrote to its console, of the last boot."""
        written = self._console.read_text(errors="replace") if self._console.exists() else ""
        return "\n".join(written.splitlines()[-lines:])

    def _spawn(self, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        command = [*own_namespaces(), "sh", str(BOOT)]
        with self._console.open("wb") as console:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, env=environment
            )

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Kills what is inside, which ends its parent, our child; the other order leaves a zombie."""
        kill(processes_of(self.machine))
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:  # it was not yet where we look
            process.kill()
            process.wait()

    def _eventually(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        def unless_dead() -> bool:
            if not self.is_running:
                raise AssertionError("it died")
            return condition()

        try:
            eventually(unless_dead, seconds=seconds, what=what)
        except AssertionError as error:
            raise AssertionError(f"{self.name}: {error}; its console:\n{self.console()}") from None

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.address, 22), timeout=0.1) as connection:
                connection.settimeout(2)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _is_started(self) -> bool:
        asked = self.run("timeout", "10", "systemctl", "is-system-running", "--wait")
        return asked.stdout.strip() in {"running", "degraded"}

    def _shown_keys(self) -> str:
        return subprocess.run(
            ["ssh-keyscan", "-T", "2", "-t", "ed25519", self.address],
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def _find_leader(self) -> int | None:
        """The first process of the innermost PID namespace, which lies below the one of its nspawn."""
        for pid in processes_of(self.machine):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) >= _depth() + 2 and numbers[-1] == "1":
                return pid
        return None


def _depth() -> int:
    status = Path("/proc/self/status").read_text()
    return len(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()) - 1


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def new_key(path: Path, comment: str) -> str:
    """A new key pair at a path; returns the line of its public half."""
    for old in (path, path.with_name(f"{path.name}.pub")):
        old.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True
    )
    return path.with_name(f"{path.name}.pub").read_text()
