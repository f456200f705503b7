"""Finds hosts by their target."""

import threading
from collections.abc import Callable
from pathlib import Path

from phoenix.adapters.hosts.local import local_host
from phoenix.adapters.hosts.remote import remote_host
from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.ports import Host
from phoenix.domain.errors import SpecError
from phoenix.domain.targets import LocalTarget, SshTarget, TargetName, parse_target


class Hosts:
    """A `HostDirectory`: hosts of this machine, each with a folder of its own, and hosts behind SSH.

    Args:
        folder: Of all hosts of this machine.
        binary: Gives the collector; asked only when one is started.
        agent: Gives the agent's file.
        ssh_config: The user's OpenSSH configuration.
    """

    def __init__(
        self, folder: Path, binary: Callable[[], Path], agent: Callable[[], Path], ssh_config: Path
    ) -> None:
        self._folder = folder
        self._binary = binary
        self._agent = agent
        self._ssh_config = ssh_config
        self._machines: dict[str, Machine] = {}
        self._opening = threading.Lock()

    def check(self, target: str) -> None:
        """See `HostDirectory.check`."""
        _resolved(target)

    def open(self, target: str) -> Host:
        """See `HostDirectory.open`."""
        found = _resolved(target)
        if isinstance(found, SshTarget):
            return remote_host(found.canonical, self._machine(found), self._binary, self._agent)
        # `local` and `local://local` are two hosts, so the folders are told apart as well.
        folder = f"named/{found.name}" if found.name else "local"
        return local_host(found.canonical, self._folder / folder, self._binary, self._agent)

    def _machine(self, target: SshTarget) -> Machine:
        """All who ask for a host share one connection."""
        from phoenix.adapters.machines.ssh import SshMachine
        from phoenix.adapters.machines.ssh_connection import SshConnection

        with self._opening:
            if target.canonical not in self._machines:
                connection = SshConnection(target, self._ssh_config)
                self._machines[target.canonical] = SshMachine(target.canonical, connection)
            return self._machines[target.canonical]


def _resolved(target: str) -> LocalTarget | SshTarget:
    """A target that needs no looking up."""
    found = parse_target(target)
    if isinstance(found, TargetName):
        raise SpecError(
            f"{target} names no saved target", code="unknown_target", hint="phoenix config target list"
        )
    return found
