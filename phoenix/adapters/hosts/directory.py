"""Finds hosts by their target."""

from collections.abc import Callable
from pathlib import Path

from phoenix.adapters.hosts.local import local_host
from phoenix.adapters.ports import Host
from phoenix.domain.errors import SpecError
from phoenix.domain.targets import LocalTarget, parse_target


class Hosts:
    """A `HostDirectory` of this machine's hosts, each with a folder of its own.

    Args:
        folder: Of all hosts.
        binary: Gives the collector; asked only when one is started.
        agent: Gives the agent's file.
    """

    def __init__(self, folder: Path, binary: Callable[[], Path], agent: Callable[[], Path]) -> None:
        self._folder = folder
        self._binary = binary
        self._agent = agent

    def check(self, target: str) -> None:
        """See `HostDirectory.check`."""
        _resolved(target)

    def open(self, target: str) -> Host:
        """See `HostDirectory.open`."""
        found = _resolved(target)
        # `local` and `local://local` are two hosts, so the folders are told apart as well.
        folder = f"named/{found.name}" if found.name else "local"
        return local_host(found.canonical, self._folder / folder, self._binary, self._agent)


def _resolved(target: str) -> LocalTarget:
    """A target that needs no looking up."""
    found = parse_target(target)
    if isinstance(found, LocalTarget):
        return found
    raise SpecError(
        f"{target} names no saved target", code="unknown_target", hint="phoenix config target list"
    )
