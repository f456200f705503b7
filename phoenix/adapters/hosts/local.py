"""Hosts of this machine."""

import sys
from collections.abc import Callable
from pathlib import Path

from phoenix.adapters.hosts.binary import referenced_environment
from phoenix.adapters.hosts.slot_host import Programs, SlotHost
from phoenix.adapters.hosts.variables import Given
from phoenix.adapters.machines.local import LocalMachine
from phoenix.adapters.machines.machine import Machine


def local_host(
    name: str,
    folder: Path,
    binary: Path | Callable[[], Path],
    agent: Callable[[], Path],
    machine: Machine | None = None,
    given: Given = referenced_environment,
) -> SlotHost:
    """A host in a folder of this machine.

    Args:
        name: `local` or `local://NAME`.
        folder: Made on first use, mode 0700.
        binary: The collector, or what finds it: a host can be cleared though the collector is gone.
        agent: Gives the agent's file.
        machine: Another way to this very machine.
        given: See `Variables`.
    """

    def collector() -> Path:
        return (binary() if callable(binary) else binary).resolve()

    def command() -> list[str]:
        return [sys.executable, "-IS", str(agent().resolve())]

    # Resolved: the folder marks our processes, and must read the same from every working directory.
    return SlotHost(
        name, machine or LocalMachine(sys.executable), folder.resolve, Programs(collector, command), given
    )
