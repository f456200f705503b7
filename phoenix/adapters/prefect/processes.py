"""What of Prefect runs on this machine, by its process table; processes of other users are not seen."""

import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from phoenix.adapters.drivers import process

_FLOW_RUN = b"PREFECT__FLOW_RUN_ID="
"""Prefect names the flow run so to the process that it starts for it, and to all that this one starts."""


class LocalFlowProcesses:
    """The processes of this machine."""

    def is_running(self, flow_run: str) -> bool:
        wanted = _FLOW_RUN + flow_run.encode()
        # A collector that a flow started has the variable too, and may outlive it by months.
        return any(
            any(b"prefect" in word for word in words) and wanted in _read(folder / "environ").split(b"\0")
            for folder, words in _processes()
        )

    def worker_age(self, name: str) -> timedelta | None:
        ages = (_age(folder) for folder, words in _processes() if _is_worker(words, name.encode()))
        return min((age for age in ages if age is not None), default=None)


def _is_worker(words: list[bytes], name: bytes) -> bool:
    is_worker = any(pair == (b"worker", b"start") for pair in pairwise(words))
    options = {(b"-n", name), (b"--name", name)}
    is_named = not options.isdisjoint(pairwise(words)) or b"--name=" + name in words
    return is_worker and is_named


def _processes() -> Iterator[tuple[Path, list[bytes]]]:
    """Folder in /proc and command line of each process that runs."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (words := _read(folder / "cmdline").split(b"\0")[:-1]):
            yield folder, words


def _age(folder: Path) -> timedelta | None:
    """Since its start; None if it is gone or a zombie. Not from the folder's times: those are of the first look at it."""
    found = process(int(folder.name))
    uptime = _read(Path("/proc/uptime")).split()
    if found is None or not uptime:
        return None
    return timedelta(seconds=float(uptime[0]) - found.started / os.sysconf("SC_CLK_TCK"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
