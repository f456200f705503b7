"""Configurations by content: the same text is the same file, and nobody changes a file that runs."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from phoenix.adapters.hosts import durable

_SUFFIX = ".yaml"


def digest_of(config: str) -> str:
    """sha256 of the whole configuration text."""
    return hashlib.sha256(config.encode()).hexdigest()


class Configs:
    """The folder of configurations. Who writes or sweeps holds the host's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: str) -> Path:
        return self._folder / f"{digest}{_SUFFIX}"

    def put(self, config: str) -> None:
        durable.make_folder(self._folder)
        path = self.path(digest_of(config))
        if durable.read(path) != config:
            durable.write(path, config)

    def unreferenced(self, referenced: Iterable[str]) -> tuple[Path, ...]:
        """Files that no place refers to, half-written ones too."""
        if not self._folder.is_dir():
            return ()
        kept = {self.path(digest) for digest in referenced}
        return tuple(sorted(path for path in self._folder.iterdir() if path not in kept))

    def sweep(self, referenced: Iterable[str]) -> None:
        for path in self.unreferenced(referenced):
            path.unlink(missing_ok=True)
