"""CPU and memory of the living processes, read a few at a time so that no start has to wait for it."""

from __future__ import annotations

import math
from typing import Iterable, Optional

from phoenix.agent import procfs

_PER_SECOND = 200
"""Processes read per second: each costs up to 17 us, so this stays below 0.4 % of a core however many there are."""

_SLICE = 20
_PACE_SECONDS = _SLICE / _PER_SECOND

_FREE_SECONDS = 0.004
"""Reading a slice takes less, so that it makes no start late."""


class Usage:
    """What they use, as of the last whole look.

    Args:
        root: The process table in which our PIDs mean them; None where there is none, so nothing is known.
        first: When to look for the first time, monotonic clock, s.

    Attributes:
        at: When it wants its next turn at the latest, likewise.
        resident: Bytes; None before the first look.
        cores: Used between the last two looks; None before the second.
    """

    def __init__(self, root: Optional[str], first: float) -> None:
        self.at = math.inf if root is None else first
        self.resident: Optional[int] = None
        self.cores: Optional[float] = None
        self._root = root
        self._begins_at = self.at
        self._pids: list[int] = []
        self._sums = (0.0, 0)
        self._last: Optional[tuple[float, float]] = None

    def begin(self, now: float, pids: Iterable[int], exited_cpu: float) -> None:
        """Start a look at `pids`.

        Args:
            now: Monotonic clock, s.
            pids: Who is alive.
            exited_cpu: What those used that are gone, s.
        """
        self._pids = list(pids)
        self._sums = exited_cpu, 0
        self._begins_at = now + max(1.0, len(self._pids) / _PER_SECOND)
        self.at = now + _PACE_SECONDS
        if not self._pids:
            self._finish(now, exited_cpu, 0)

    @property
    def is_looking(self) -> bool:
        return bool(self._pids)

    def wants_turn(self, now: float, free_seconds: float) -> bool:
        """Whether to `go_on`: where nothing else is due for a while, and at its pace however busy it is."""
        return self.is_looking and (free_seconds > _FREE_SECONDS or now >= self.at)

    def go_on(self, now: float) -> None:
        """Read the next few."""
        cpu, resident = self._sums
        for pid in self._pids[-_SLICE:]:
            folder = f"{self._root}/{pid}"
            try:
                _, fields = procfs.parse_stat(procfs.read(f"{folder}/stat"))
                pages = int(procfs.read(f"{folder}/statm").split(b" ", 2)[1])
            except (OSError, ValueError):
                continue
            resident += pages * procfs.PAGE_BYTES
            cpu += (int(fields[procfs.UTIME]) + int(fields[procfs.STIME])) / procfs.TICKS_PER_SECOND
        del self._pids[-_SLICE:]
        self._sums = cpu, resident
        self.at = now + _PACE_SECONDS
        if not self._pids:
            self._finish(now, cpu, resident)

    def _finish(self, now: float, cpu: float, resident: int) -> None:
        self.at = self._begins_at
        self.resident = resident
        if self._last is not None and now > self._last[0]:
            # A process that ended during the look is in neither sum, so it can seem to go down.
            self.cores = max(0.0, round((cpu - self._last[1]) / (now - self._last[0]), 4))
        self._last = now, cpu
