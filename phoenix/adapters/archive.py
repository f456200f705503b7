"""The folder of results: logs and reports of each experiment, kept after the hosts are clean."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO


class Archive:
    """Files by experiment, private to the user from the moment they exist.

    Args:
        folder: Holds one folder for each experiment; made on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, experiment: str) -> Path:
        return self._folder / experiment

    def write(self, experiment: str, name: str, text: str) -> Path:
        """Write a file in one step, so that no reader sees half of it."""
        path = self._place(experiment, name)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with open(partial, "w", encoding="utf-8", opener=_open_private) as file:
            file.write(text)
        partial.replace(path)
        return path

    def append(self, experiment: str, name: str) -> BinaryIO:
        """Open a file to write at its end, as a log; the caller closes it."""
        return open(self._place(experiment, name), "ab", opener=_open_private)

    def delete(self, experiment: str) -> None:
        """Remove all files of an experiment, also what a writer that was killed left half-written."""
        shutil.rmtree(self.folder(experiment), ignore_errors=True)

    def _place(self, experiment: str, name: str) -> Path:
        path = self.folder(experiment) / name
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        # One by one: `parents=True` gives the levels between what the umask leaves.
        ours = [level for level in path.parents if level.is_relative_to(self._folder)]
        for level in reversed(ours):
            level.mkdir(mode=0o700, exist_ok=True)
        return path


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
