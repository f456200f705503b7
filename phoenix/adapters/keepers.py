"""Starts the processes that keep load runs, each in a session of its own that outlives its starter."""

import os
import subprocess
import sys
from pathlib import Path

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import KeeperProcess

_MODULE = "phoenix.keeper"
_LOG = "keeper.log"
_LAST_LINES = 5
"""The end of a traceback says what happened; the rest is in the log."""


class Keepers:
    """A `KeeperRunner`: child processes without a terminal.

    Args:
        home: The installation's state folder; its `loads/ID` takes what a keeper says.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._archive = Archive(home / "loads")

    def start(self, load: str) -> KeeperProcess:
        """See `KeeperRunner.start`."""
        log = self._archive.folder(load) / _LOG
        with self._archive.append(load, _LOG) as output:
            process = subprocess.Popen(
                # -P: what lies in the folder of whoever starts it is not ours to import.
                [sys.executable, "-P", "-m", _MODULE, load],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PHOENIX_HOME": str(self._home.absolute())},
                start_new_session=True,
            )
        return _Child(process, log)


class _Child:
    """A keeper that this process started."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def poll(self) -> int | None:
        return self._process.poll()

    def last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines[-_LAST_LINES:] if line.strip())
