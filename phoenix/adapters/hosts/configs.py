"""Configurations by content: the same text is the same file, and nobody changes a file that runs."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from phoenix.adapters.machines.machine import Machine

_SUFFIX = ".yaml"


def digest_of(config: str) -> str:
    """sha256 of the whole configuration text."""
    return hashlib.sha256(config.encode()).hexdigest()


class Configs:
    """The folder of configurations. Who writes or sweeps holds the host's lock.

    Args:
        machine: Of the host.
        folder: Made on first use.
        is_shared: Whether collectors run under a user of their own, who must be able to read them. They hold no
            secret, only references.
    """

    def __init__(self, machine: Machine, folder: Path, *, is_shared: bool) -> None:
        self._machine = machine
        self._folder = folder
        self._folder_mode, self._mode = (0o755, 0o644) if is_shared else (0o700, 0o600)

    def path(self, digest: str) -> Path:
        return self._folder / f"{digest}{_SUFFIX}"

    def put(self, config: str) -> None:
        self._machine.make_folder(self._folder, self._folder_mode)
        path = self.path(digest_of(config))
        if self._machine.read(path) != config:
            self._machine.write(path, config, self._mode)

    def unreferenced(self, referenced: Iterable[str]) -> tuple[Path, ...]:
        """Files that no place refers to, half-written ones too."""
        kept = {self.path(digest) for digest in referenced}
        found = (self._folder / name for name in self._machine.names(self._folder))
        return tuple(path for path in found if path not in kept)

    def sweep(self, referenced: Iterable[str]) -> None:
        self._machine.remove(*self.unreferenced(referenced))
