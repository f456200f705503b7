"""The kernel's side of the arena: psutil, not our census, for it is the judge here."""

import threading
import time
from collections import defaultdict
from typing import Any

import psutil

LOOK_SECONDS = 0.05
"""How often births, deaths and the CPU time of the watched are noted."""


class Kernel:
    """Notes who lives when, and how much CPU time the processes of one name had used at each moment.

    Args:
        watched: Name of the processes whose CPU time is noted at each look, not only at each table.
    """

    def __init__(self, watched: str) -> None:
        self._watched = watched
        self._first: dict[int, float] = {}
        self._gone: dict[int, float] = {}
        self._names: dict[int, str] = {}
        self._cpu: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._look()
        self._thread.start()

    def table(self) -> list[dict[str, Any]]:
        """The process table now."""
        rows = []
        for process in psutil.process_iter():
            try:
                with process.oneshot():
                    if process.status() == psutil.STATUS_ZOMBIE:
                        continue
                    row = {"pid": process.pid, "name": process.name(), "rss": process.memory_info().rss}
                self._note_cpu(process)
            except psutil.NoSuchProcess:
                continue
            rows.append(row)
        return rows

    def end(self) -> dict[str, Any]:
        """Stop looking; everything that was noted."""
        self._ended.set()
        self._thread.join()
        return {
            str(pid): {"first": first, "gone": self._gone.get(pid), "cpu": sorted(self._cpu[pid])}
            for pid, first in self._first.items()
        }

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        at, present = time.time(), set(psutil.pids())
        for pid in self._first.keys() - present - self._gone.keys():
            self._gone[pid] = at
        for pid in present - self._names.keys():
            self._meet(pid, at)
        for pid in present - self._gone.keys():
            if self._names.get(pid) == self._watched:
                self._watch(pid)

    def _meet(self, pid: int, at: float) -> None:
        """The name is read at the second look: at the first it may be that of the program that forked it."""
        if self._first.setdefault(pid, at) == at:
            return
        try:
            self._names[pid] = psutil.Process(pid).name()
        except psutil.NoSuchProcess:
            return

    def _watch(self, pid: int) -> None:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                self._gone[pid] = time.time()
            else:
                self._note_cpu(process)
        except psutil.NoSuchProcess:
            return

    def _note_cpu(self, process: psutil.Process) -> None:
        times = process.cpu_times()
        self._cpu[process.pid].append((time.time(), times.user + times.system))
