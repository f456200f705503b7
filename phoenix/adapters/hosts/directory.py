"""Finds hosts by their target."""

from collections.abc import Callable
from pathlib import Path

from phoenix.adapters.hosts.local import LocalHost
from phoenix.adapters.hosts.marks import check_host
from phoenix.adapters.ports import Host

_SCHEME = "local://"


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
        check_host(target)

    def open(self, target: str) -> Host:
        """See `HostDirectory.open`."""
        name = check_host(target)
        # `local` and `local://local` are two hosts, so the folders are told apart as well.
        folder = f"named/{name.removeprefix(_SCHEME)}" if name.startswith(_SCHEME) else name
        return LocalHost(name, self._folder / folder, self._binary, self._agent())
