"""Hosts behind SSH: what has to be there travels by digest, is checked after the copy, and is kept for the next time."""

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

from phoenix.adapters.hosts.binary import referenced_environment
from phoenix.adapters.hosts.once import Once
from phoenix.adapters.hosts.places import Places
from phoenix.adapters.hosts.slot_host import Programs, SlotHost
from phoenix.adapters.hosts.variables import Given
from phoenix.adapters.machines.machine import Machine
from phoenix.domain.errors import DependencyError
from phoenix.manifests.systemd import HOST_FOLDER

_USER_FOLDER = ".local/state/phoenix"
"""Below the home of a user who is not root and may not become it."""

_FORGET_MINUTES = 60
"""From being asked for to being written down a collector takes seconds, unless its upload takes minutes."""

_MACHINE_OFFSET = 18
_MACHINES = {62: ("x86_64", "amd64"), 183: ("aarch64", "arm64")}
"""Of an ELF header (elf(5), e_machine), and how `uname -m` calls it."""


def remote_host(
    name: str,
    machine: Machine,
    binary: Callable[[], Path],
    agent: Callable[[], Path],
    given: Given = referenced_environment,
) -> SlotHost:
    """A host on another machine.

    Args:
        name: The canonical target.
        machine: Nothing is asked of it before the first verb.
        binary: Gives our collector.
        agent: Gives the agent's file.
        given: See `Variables`.
    """
    deliveries = Deliveries(name, machine, binary, agent)
    return SlotHost(name, machine, deliveries.folder, Programs(deliveries.collector, deliveries.agent), given)


class Deliveries:
    """Brings the collector and the agent to a machine, once."""

    def __init__(
        self, name: str, machine: Machine, binary: Callable[[], Path], agent: Callable[[], Path]
    ) -> None:
        self._name = name
        self._machine = machine
        self._binary = binary
        self._collector = Once(self._bring_collector)
        self._agent = Once(lambda: self._deliver(agent(), "agents"))

    def folder(self) -> Path:
        facts = self._machine.facts()
        return Path(HOST_FOLDER) if facts.is_root else Path(facts.home) / _USER_FOLDER

    def collector(self) -> Path:
        """Where our collector is on that machine.

        Raises:
            DependencyError: It was built for another kind of machine, or there is no room for it.
        """
        found = self._collector()
        if not self._machine.exists(found):
            # Days may lie between two starts, and somebody may have cleaned up there.
            self._collector = Once(self._bring_collector)
        return self._collector()

    def agent(self) -> list[str]:
        """Python and the agent there.

        Raises:
            DependencyError: There is no Python.
        """
        python = self._machine.facts().python
        if not python:
            raise DependencyError(
                f"{self._name} has no Python 3.9 or newer: neither a census nor a load can run there",
                code="no_python",
                hint="install python3 there; deployed pipelines need none",
            )
        return [python, "-IS", str(self._agent())]

    def _bring_collector(self) -> Path:
        source = self._binary()
        self._demand_architecture(source)
        target = self._deliver(source, "binaries")
        self._forget_others(target)
        return target

    def _deliver(self, source: Path, kind: str) -> Path:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        target = self.folder() / kind / digest / source.name
        self._machine.put(source, target, digest)
        return target

    def _forget_others(self, current: Path) -> None:
        """Collectors that no place runs or goes back to.

        One that was asked for a while ago stays as well: another control plane is about to start it, and has written
        nothing yet.
        """
        records = Places(self._machine, self.folder() / "places").records()
        used = {Path(record.binary).parent.name for record in records if record.binary}
        kept = {current.parent.name, *used}
        self._machine.forget(current.parent.parent, _FORGET_MINUTES, sorted(kept))

    def _demand_architecture(self, source: Path) -> None:
        with source.open("rb") as file:
            (kind,) = struct.unpack_from("<H", file.read(64), _MACHINE_OFFSET)
        names = _MACHINES.get(kind, (f"ELF machine {kind}",))
        found = self._machine.facts().architecture
        if found not in names:
            raise DependencyError(
                f"the collector is built for {names[0]}, but {self._name} is {found}",
                code="wrong_architecture",
                hint=f"build one for {found} and name it by PHOENIX_COLLECTOR",
            )
