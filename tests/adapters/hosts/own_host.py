"""A real host of the tests' own with systemd, seen from both sides: by its port, and from the inside."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters import agent_archive
from phoenix.adapters.hosts.remote import remote_host
from phoenix.adapters.hosts.slot_host import SlotHost
from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.machines.ssh import SshMachine
from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.domain.targets import parse_target
from tests.adapters.hosts.support import collector_binary
from tests.support.vm_hosts import VmHost

FOLDER = Path("/var/lib/phoenix")


@dataclass
class OwnHost:
    """One host and one connection to it.

    Attributes:
        uri: As whom we log in.
        config: Of the OpenSSH client.
        files: Of this control plane.
    """

    vm: VmHost
    uri: str
    config: Path
    files: Path

    def __post_init__(self) -> None:
        self.connection = SshConnection(parse_target(self.uri), self.config)
        self.machine = SshMachine(self.uri, self.connection)

    def host(self, machine: Machine | None = None, binary: Callable[[], Path] = collector_binary) -> SlotHost:
        """A control plane's view of it, which remembers nothing of an earlier one's."""
        agent = agent_archive.write_to(self.files)
        return remote_host(self.uri, machine or self.machine, binary, lambda: agent)

    def sh(self, script: str, *arguments: str) -> str:
        """Runs inside as root, without sshd; it must succeed."""
        done = self.vm.run("sh", "-c", script, "sh", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def units(self) -> set[str]:
        """Collector units that systemd knows of in any state, and every file that would make one."""
        listed = self.sh("systemctl list-units --all --plain --no-legend 'phoenix-*'")
        files = self.sh("find /etc/systemd/system /run/systemd/system -name 'phoenix-*'")
        return {line.split()[0] for line in listed.splitlines()} | {
            Path(line).name for line in files.splitlines()
        }

    def collectors(self) -> dict[int, str]:
        """Place by pid, by the process table."""
        script = (
            'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" = otelcol-phoenix ] || continue; '
            'echo "${p#/proc/} $(tr "\\0" "\\n" <$p/environ | sed -n s/^PHOENIX_PLACE=//p)"; done'
        )
        lines = [line.partition(" ") for line in self.sh(script).splitlines()]
        return {int(pid): place for pid, _, place in lines}

    def environ(self, pid: int) -> dict[str, str]:
        """What a process was given."""
        data = base64.b64decode(self.sh('base64 -w0 "/proc/$1/environ"', str(pid)))
        pairs = (entry.partition("=") for entry in data.decode(errors="surrogateescape").split("\0"))
        return {name: value for name, _, value in pairs if name}

    def holding(self, words: str) -> list[str]:
        """Files of the host's folder and of systemd that hold some words."""
        found = self.sh('grep -rlFa -- "$1" "$2" /etc/systemd/system /run/systemd || :', words, str(FOLDER))
        return sorted(found.splitlines())
