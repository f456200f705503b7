"""What the arena wrote down, and how the pipelines' side and the kernel's are held against each other."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.pipelines.arena import INTERVAL

CPU = "process_cpu_time_seconds_total"
MEMORY = "process_memory_usage_bytes"
COUNT = "phoenix_folded_processes"

_USED = ("user", "system")


class Point(NamedTuple):
    """A series at a tick; `pid` is None for a folded one, `at` is when it was collected, s since the epoch."""

    metric: str
    pid: int | None
    name: str
    mode: str
    value: float
    at: float


class Row(NamedTuple):
    """A process in the kernel's table."""

    pid: int
    name: str
    rss: int


class Export:
    """What a pipeline shows at a tick; exporters show what is gone for 2.5 intervals more."""

    def __init__(self, rows: Iterable[list]) -> None:
        self.points = [
            Point(metric, None if folded or not pid else int(pid), name or "", mode or "", value, at)
            for metric, pid, name, mode, folded, value, at in rows
        ]
        self.newest = max(point.at for point in self.points)

    @property
    def series(self) -> int:
        return len(self.points)

    @property
    def pids(self) -> set[int]:
        """Processes shown as such."""
        return {point.pid for point in self.points if point.pid is not None}

    @property
    def fresh(self) -> set[int]:
        """Of those, what the last scrape kept."""
        since = self.newest - INTERVAL.total_seconds() / 2
        return {point.pid for point in self.points if point.pid is not None and point.at > since}

    def folded(self, metric: str, name: str) -> float:
        """The sum of a folded resource; of CPU time, what was used."""
        found = [
            p.value for p in self.points if (p.pid, p.metric, p.name) == (None, metric, name) and _counts(p)
        ]
        assert found, f"no {metric} of {name}"
        return sum(found)

    def cpu(self) -> dict[tuple[int | None, str], float]:
        """CPU seconds used, by process or fold."""
        sums: defaultdict[tuple[int | None, str], float] = defaultdict(float)
        for point in self.points:
            if point.metric == CPU and _counts(point):
                sums[point.pid, point.name] += point.value
        return dict(sums)


@dataclass(frozen=True)
class Tick:
    """One look at everything."""

    at: float
    table: dict[int, Row]
    exports: dict[str, Export]

    def pids(self, *names: str) -> set[int]:
        return {row.pid for row in self.table.values() if row.name in names}

    def rss(self, name: str) -> int:
        return sum(row.rss for row in self.table.values() if row.name == name)


class Life:
    """One process as the kernel knew it."""

    def __init__(self, noted: dict) -> None:
        self.first = noted["first"]
        self.gone = math.inf if noted["gone"] is None else noted["gone"]
        self._times = [at for at, _ in noted["cpu"]]
        self._used = [used for _, used in noted["cpu"]]

    def cpu(self, at: float) -> float:
        """CPU seconds used until then, between two looks in proportion; 0 before it was born."""
        if at < self.first or not self._times:
            return 0.0
        return float(np.interp(at, self._times, self._used))


class Run:
    """The whole document."""

    def __init__(self, file: Path) -> None:
        document = json.loads(file.read_text())
        self.left = document["left"]
        self.lives = {int(pid): Life(noted) for pid, noted in document["kernel"].items()}
        self.ticks = [
            Tick(
                one["at"],
                {row["pid"]: Row(**row) for row in one["table"]},
                {name: Export(rows) for name, rows in one["exports"].items()},
            )
            for one in document["ticks"]
        ]
        self.names = {row.pid: row.name for tick in self.ticks for row in tick.table.values()}

    def exports(self, pipeline: str) -> list[Export]:
        return [tick.exports[pipeline] for tick in self.ticks]

    def kernel_cpu(self, pids: Iterable[int], at: float, pipeline: str) -> float:
        """What a pipeline can know of the CPU seconds of these processes: of one that is gone, until its last scrape.

        Args:
            pids: Living and gone ones.
            at: Time of a point, s since the epoch.
            pipeline: Whose scrapes count.
        """
        scrapes = [export.newest for export in self.exports(pipeline)]
        total = 0.0
        for life in (self.lives[pid] for pid in pids):
            seen = max((scrape for scrape in scrapes if scrape < life.gone), default=life.gone)
            total += life.cpu(min(at, seen) if life.gone < at else at)
        return total

    def growth(self, exports: Sequence[Export]) -> float:
        """By how much the CPU time shown grew, as a backend adds it up: series by series, from point to point.

        Of one that is new only what a process has used that was born since the last scrape counts: what others had
        used before they are shown as themselves, the fold must tell.
        """
        total = 0.0
        for before, now in pairwise(exports):
            was = before.cpu()
            for (pid, name), used in now.cpu().items():
                is_born = pid is not None and self.lives[pid].first > before.newest
                total += used - was.get((pid, name), 0.0 if is_born else used)
        return total

    def living(self, at: float, name: str | None = None) -> int:
        """Processes alive then; of one name, or all."""
        lives = (life for pid, life in self.lives.items() if name in (None, self.names.get(pid)))
        return sum(life.first <= at < life.gone for life in lives)


def _counts(point: Point) -> bool:
    return point.metric != CPU or point.mode in _USED
