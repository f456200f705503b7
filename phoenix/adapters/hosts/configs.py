"""Configurations by content: the same text is the same file, and nobody changes a file that runs."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from phoenix.adapters.machines.machine import Text

_SUFFIX = ".yaml"


def digest_of(config: str) -> str:
    """sha256 of the whole configuration text."""
    return hashlib.sha256(config.encode()).hexdigest()


class Configs:
    """The folder of configurations. Who writes or sweeps holds the host's lock.

    Args:
        folder: Made on first use.
        is_shared: Whether collectors run under a user of their own, who must be able to read them. They hold no
            secret, only references.
    """

    def __init__(self, folder: Path, *, is_shared: bool) -> None:
        self.folder = folder
        self._folder_mode, self._mode = (0o755, 0o644) if is_shared else (0o700, 0o600)

    def path(self, digest: str) -> Path:
        return self.folder / f"{digest}{_SUFFIX}"

    def text(self, config: str) -> Text:
        """The file that holds `config`, to be written."""
        return Text(self.path(digest_of(config)), config, self._mode, self._folder_mode)

    def unreferenced(self, names: Iterable[str], referenced: Iterable[str]) -> list[Path]:
        """Of the files in the folder those that no place refers to, half-written ones too.

        Args:
            names: What is in the folder.
            referenced: Digests.
        """
        kept = {self.path(digest) for digest in referenced}
        return [path for path in (self.folder / name for name in names) if path not in kept]
