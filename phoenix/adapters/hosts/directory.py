"""Finds hosts by their target."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from phoenix.adapters.hosts.binary import referenced_environment
from phoenix.adapters.hosts.local import local_host
from phoenix.adapters.hosts.remote import remote_host
from phoenix.adapters.hosts.variables import Given
from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.ports import Host
from phoenix.domain.logins import Lent
from phoenix.domain.targets import SshTarget, parse_host


class Hosts:
    """A `HostDirectory`: hosts of this machine, each with a folder of its own, and hosts behind SSH.

    Args:
        folder: Of all hosts of this machine.
        binary: Gives the collector; asked only when one is started.
        agent: Gives the agent's file.
        ssh_config: The user's OpenSSH configuration.
        lender: What a block lends to log in to a host, by canonical target; asked each time before we connect.
        given: See `Variables`.
    """

    def __init__(
        self,
        folder: Path,
        binary: Callable[[], Path],
        agent: Callable[[], Path],
        ssh_config: Path,
        *,
        lender: Callable[[str], Lent | None] = lambda _: None,
        given: Given = referenced_environment,
    ) -> None:
        self._folder = folder
        self._binary = binary
        self._agent = agent
        self._ssh_config = ssh_config
        self._lender = lender
        self._given = given
        self._machines: dict[str, Machine] = {}
        self._opening = threading.Lock()

    def check(self, target: str) -> None:
        """See `HostDirectory.check`."""
        parse_host(target)

    def open(self, target: str) -> Host:
        """See `HostDirectory.open`."""
        found = parse_host(target)
        if isinstance(found, SshTarget):
            return remote_host(found.canonical, self._machine(found), self._binary, self._agent, self._given)
        # `local` and `local://local` are two hosts, so the folders are told apart as well.
        folder = f"named/{found.name}" if found.name else "local"
        return local_host(
            found.canonical, self._folder / folder, self._binary, self._agent, given=self._given
        )

    def _machine(self, target: SshTarget) -> Machine:
        """All who ask for a host share one connection."""
        from phoenix.adapters.machines.ssh import SshMachine
        from phoenix.adapters.machines.ssh_connection import SshConnection

        with self._opening:
            if target.canonical not in self._machines:
                lender = partial(self._lender, target.canonical)
                connection = SshConnection(target, self._ssh_config, lender=lender)
                self._machines[target.canonical] = SshMachine(target.canonical, connection)
            return self._machines[target.canonical]
