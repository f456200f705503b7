"""The folder of results: logs and reports of each experiment, kept after the hosts are clean."""

import os
import shutil
from pathlib import Path


class Archive:
    """Files by experiment, private to the user.

    Args:
        folder: Holds one folder for each experiment; made on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, experiment: str) -> Path:
        return self._folder / experiment

    def write(self, experiment: str, name: str, text: str) -> Path:
        """Write a file in one step, so that no reader sees half of it."""
        path = self.folder(experiment) / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(text, encoding="utf-8")
        partial.chmod(0o600)
        partial.replace(path)
        return path

    def delete(self, experiment: str) -> None:
        shutil.rmtree(self.folder(experiment), ignore_errors=True)
