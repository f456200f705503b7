"""What the kernel's process tables of one host say together: who is new, who had to be exported, what CPU was used."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from phoenix.domain.processes import Census, Process
from phoenix.domain.samples import ProcessIdentity

KEPT_TAKES = 4
"""The current one, two before it (alive for two intervals), and one more to bracket a late export."""

SLACK_SECONDS = 0.1
"""The table is read row by row, by the census as by the scraper: what is closer in time than this has no order."""


@dataclass(frozen=True, slots=True)
class Take:
    """A census, and the CPU time that processes were seen to use from the first take until it, s."""

    census: Census
    growth: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that was there at the take before and is gone.

    Attributes:
        process: Its last row.
        before_seconds: Its CPU time one take earlier, s; None where it was seen only once.
        is_brief: It was born and seen only once: no growth has it.
    """

    process: Process
    before_seconds: float | None
    is_brief: bool


class KernelHistory:
    """Takes of one host, one a tick; both variants are judged by the same ones.

    Args:
        critical: Compiled patterns on `process.executable.name`.

    Attributes:
        current: This tick's table; None where it could not be read, and then nothing may be judged by it.
        number: Tables read so far.
        due: Critical processes alive under one name at this take and the two before: they had to be exported.
        ended: Who has ended since the take before; empty where this tick has no take.
        brief_seconds: CPU time of those who were seen at one take only, s. It is in no growth: whether a collection
            round fell into so short a life is chance, and no fault of an output.
    """

    def __init__(self, critical: Sequence[re.Pattern[str]]) -> None:
        self.current: Census | None = None
        self.number = 0
        self.due: tuple[ProcessIdentity, ...] = ()
        self.ended: tuple[Ended, ...] = ()
        self.brief_seconds = 0.0
        self._critical = tuple(critical)
        self._takes: deque[Take] = deque(maxlen=KEPT_TAKES)
        self._first_seen: dict[int, int] = {}
        self._seen_before: dict[int, int] = {}

    def observe(self, census: Census | None) -> None:
        """Take note of a tick's table, or that there is none."""
        self.current = census
        self.due = ()
        self.ended = ()
        if census is None:
            return
        self.number += 1
        self.ended = self._ended(census)
        self._takes.append(Take(census, self._grown(census)))
        self.due = self._due(census)

    def _ended(self, census: Census) -> tuple[Ended, ...]:
        if not self._takes:
            return ()
        older = self._takes[-2].census.processes if len(self._takes) > 1 else {}
        ended: list[Ended] = []
        for pid, process in self._takes[-1].census.processes.items():
            if _is_identical(process, census.processes.get(pid)):
                continue
            row = older.get(pid)
            before = row.cpu_seconds if row is not None and _is_identical(process, row) else None
            is_brief = before is None and self._first_seen[pid] > 1
            ended.append(Ended(process, before, is_brief=is_brief))
            self.brief_seconds += process.cpu_seconds if is_brief else 0.0
        return tuple(ended)

    def _grown(self, census: Census) -> float:
        """Growth so far. Who is new counts from 0 once seen again, who has ended keeps what was last seen of him."""
        if not self._takes:
            self._first_seen = dict.fromkeys(census.processes, self.number)
            return 0.0
        last = self._takes[-1]
        before, seen = last.census.processes, self._first_seen
        grown = last.growth
        self._first_seen, self._seen_before = {}, seen
        for pid, process in census.processes.items():
            known = before.get(pid)
            if known is None or known.started != process.started:
                self._first_seen[pid] = self.number
                continue
            self._first_seen[pid] = seen[pid]
            is_second = 1 < seen[pid] == self.number - 1
            grown += process.cpu_seconds if is_second else process.cpu_seconds - known.cpu_seconds
        return grown

    def _due(self, census: Census) -> tuple[ProcessIdentity, ...]:
        if len(self._takes) < 3:
            return ()
        older = [self._takes[-2].census.processes, self._takes[-3].census.processes]
        critical = {name for name in {p.name for p in census.processes.values()} if self._is_critical(name)}
        return tuple(
            ProcessIdentity(process.name, pid)
            for pid, process in census.processes.items()
            if process.name in critical
            and not process.is_zombie
            and all(_is_same(process, table.get(pid)) for table in older)
        )

    @property
    def undue(self) -> tuple[str, ...]:
        """The patterns for which no process had to be exported: all of them where the table could not be read."""
        names = {process.name for process in self.due}
        return tuple(p.pattern for p in self._critical if not any(p.search(name) for name in names))

    def _is_critical(self, name: str) -> bool:
        return any(pattern.search(name) for pattern in self._critical)

    def process(self, pid: int) -> Process | None:
        """Who has that pid; else who had it at the take before and has ended since."""
        for take in (*self._takes,)[:-3:-1]:
            if found := take.census.processes.get(pid):
                return found
        return None

    def is_newer_than(self, pid: int, number: int) -> bool:
        """Whether the process of that pid (see `process`) was not there yet at the take of that number."""
        return self._number_of(pid) > number

    def takes_known(self, pid: int) -> int:
        """How many takes ago, this one included, the process of that pid (see `process`) was first seen."""
        return self.number - self._number_of(pid) + 1

    def is_counted(self, pid: int) -> bool:
        """Whether the process of that pid (see `process`) is in the growth: it was seen again, or from the start."""
        last = self.number if pid in self._first_seen else self.number - 1
        return self._number_of(pid) == 1 or self._number_of(pid) < last

    def _number_of(self, pid: int) -> int:
        found = self._first_seen.get(pid)
        return self._seen_before.get(pid, 0) if found is None else found

    def growth_at(self, wall_seconds: float) -> float:
        """CPU time used from the first take until then, s: between two takes as if it had been used evenly.

        A variant's output is as old as its collector's last round, so it is held against the kernel at that time and
        not at the tick: over a short window half an interval is a large share.
        """
        for older, newer in pairwise(self._takes):
            start, end = older.census.wall_seconds, newer.census.wall_seconds
            if start <= wall_seconds < end:
                return older.growth + (newer.growth - older.growth) * (wall_seconds - start) / (end - start)
        ends = self._takes[0] if wall_seconds < self._takes[0].census.wall_seconds else self._takes[-1]
        return ends.growth

    def growth_bounds(self, wall_seconds: float) -> tuple[float, float]:
        """Between which values the CPU time used until then lies, s: nothing says how it was used between two takes."""
        growths = [(take.census.wall_seconds, take.growth) for take in self._takes]
        before = [growth for at, growth in growths if at <= wall_seconds - SLACK_SECONDS]
        after = [growth for at, growth in growths if at >= wall_seconds + SLACK_SECONDS]
        return (before[-1] if before else growths[0][1], after[0] if after else growths[-1][1])

    def cpu_bounds(self, process: Process, wall_seconds: float | None) -> tuple[float, float] | None:
        """Between which values a reading of its CPU counter may lie that was made then; None where no take says.

        Args:
            process: A row of the current table.
            wall_seconds: When it was read, wall clock of the host; None if at some time in the last two intervals.
        """
        rows = [(take.census.wall_seconds, take.census.processes.get(process.pid)) for take in self._takes]
        known = [(at, row.cpu_seconds) for at, row in rows if row and row.started == process.started]
        if wall_seconds is None:
            return (known[-3][1], known[-1][1]) if len(known) >= 3 else None
        before = [cpu for at, cpu in known if at <= wall_seconds - SLACK_SECONDS]
        after = [cpu for at, cpu in known if at >= wall_seconds + SLACK_SECONDS]
        return (before[-1], after[0]) if before and after else None


def _is_identical(process: Process, other: Process | None) -> bool:
    return other is not None and other.started == process.started


def _is_same(process: Process, before: Process | None) -> bool:
    return before is not None and before.started == process.started and before.name == process.name


def unmatched(census: Census | None, patterns: Sequence[re.Pattern[str]]) -> tuple[str, ...]:
    """The patterns that no living process was seen to match: all of them where the table could not be read."""
    if census is None:
        return tuple(p.pattern for p in patterns)
    names = {process.name for process in census.processes.values() if not process.is_zombie}
    return tuple(p.pattern for p in patterns if not any(p.search(name) for name in names))
