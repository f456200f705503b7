"""How much CPU time a variant's output accounts for, from scrape to scrape."""

import math
from typing import NamedTuple

from phoenix.domain.observation.export_reading import ROUND_INTERVALS, ExportReading
from phoenix.domain.observation.exports import SeriesKey
from phoenix.domain.observation.kernel_history import KernelHistory
from phoenix.domain.observation.process_ends import ProcessEnds

_SPARE = 2
"""Series that may be remembered for each one that is shown, before those of ended processes are forgotten."""

_FIRST_CHANCE_TAKES = 2
"""A process that starts right after a round is exported by the next one, and that is read at the second take."""


class _Seen(NamedTuple):
    """A series when it was last shown; `at` in ms since the epoch, None where the exporter tells no time."""

    value: float
    pid: int | None
    at: int | None

    def was_away(self, at: int | None, longest_ms: float) -> bool:
        """Whether a process's series skipped a round; a folded one has no rounds of its own to skip."""
        return self.pid is not None and at is not None and self.at is not None and at - self.at > longest_ms


class CpuAccount:
    """Adds up the growth of the CPU series of one variant on one host.

    A counter that falls was reset: its new value is the growth. A process's series that was away for a round counts
    from where it returned: what the process used meanwhile is in the folded series, if the output folds, and else it
    was not shown. A series that is new starts

    - from 0 if it is folded: the processors count what they fold from 0;
    - from 0 if its process was born meanwhile, for then all it used falls into the account; but not if the process
      had another series before (it changed its command line), nor if the output folds and kept this process only
      later: what it used until then is in the folded series, and would count twice;
    - else from its first value, because nobody saw how it came to that.

    A process's series counts from when its process is in the kernel's growth: what was seen at one take only is in
    neither. A process that ended counts as far as the kernel saw it (see `process_ends`).

    Attributes:
        total: Growth since the account was opened, s.
        is_fed: The output ever had a CPU series.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self.is_fed = False
        self._last: dict[str, _Seen] = {}
        self._newest_seconds: float | None = None
        self._known: set[tuple[int, int, str]] = set()
        self._held: dict[tuple[int, int], float] = {}
        self._ends = ProcessEnds()
        self._folds = False

    @property
    def loose_seconds(self) -> float:
        """By how much the account may be wrong for what a folded series has of short lives and ends, s."""
        return self._ends.loose_seconds if self._folds else 0.0

    def observe(self, reading: ExportReading, kernel: KernelHistory, since: int) -> None:
        """Add a scrape's growth.

        Args:
            reading: The output.
            kernel: Of the same tick.
            since: Number of the take with which the account begins; a process that was not there yet was born later.
        """
        folds = any(key.is_folded for key, _, _ in reading.cpu)
        self._folds = self._folds or folds
        longest_ms = self._longest_step_ms(reading)
        for key, value, at in reading.cpu:
            if key.pid is not None and kernel.process(key.pid) is None:
                # Born after the table was read, or gone before: what it is shows at the next take, or never.
                continue
            known = self._last.get(key.text)
            if known is None:
                self._add(key, value - self._start(key, value, kernel, since, folds=folds), kernel)
            elif value < known.value:
                self._add(key, value, kernel)
            elif not known.was_away(at, longest_ms):
                self._add(key, value - known.value, kernel)
            self._last[key.text] = _Seen(value, key.pid, at)
        self._release(kernel)
        self.total += self._ends.observe(reading, kernel)
        self._newest_seconds = reading.newest_seconds
        self.is_fed = self.is_fed or bool(reading.cpu)
        if len(self._last) > _SPARE * len(reading.cpu):
            self._forget(reading, kernel)

    def _add(self, key: SeriesKey, growth: float, kernel: KernelHistory) -> None:
        process = None if key.pid is None else kernel.process(key.pid)
        if process is None or kernel.is_counted(process.pid):
            self.total += growth
        else:
            identity = (process.pid, process.started)
            self._held[identity] = self._held.get(identity, 0.0) + growth

    def _release(self, kernel: KernelHistory) -> None:
        """Count what was held back of processes that the kernel now counts; forget it of those that are gone."""
        for identity in tuple(self._held):
            process = kernel.process(identity[0])
            if process is None or process.started != identity[1]:
                del self._held[identity]
            elif kernel.is_counted(process.pid):
                self.total += self._held.pop(identity)

    def _longest_step_ms(self, reading: ExportReading) -> float:
        """By how much a series that was never away has moved since the last reading, at most; ms."""
        if self._newest_seconds is None or reading.newest_seconds is None:
            return math.inf
        moved = reading.newest_seconds - self._newest_seconds
        return (moved + ROUND_INTERVALS * reading.interval_seconds) * 1000

    def _start(
        self, key: SeriesKey, value: float, kernel: KernelHistory, since: int, *, folds: bool
    ) -> float:
        if key.pid is None:
            return 0.0
        process = kernel.process(key.pid)
        if process is None:
            return value
        identity = (key.pid, process.started, key.mode)
        if identity in self._known:
            return value
        self._known.add(identity)
        is_late = folds and kernel.takes_known(key.pid) > _FIRST_CHANCE_TAKES
        return 0.0 if kernel.is_newer_than(key.pid, since) and not is_late else value

    def _forget(self, reading: ExportReading, kernel: KernelHistory) -> None:
        """Drop series of ended processes; their growth stays in the total. Folded ones come back and go on."""
        shown = {key.text for key, _, _ in reading.cpu}
        self._last = {
            text: seen
            for text, seen in self._last.items()
            if seen.pid is None or text in shown or kernel.process(seen.pid) is not None
        }
        self._known = {
            i for i in self._known if (p := kernel.process(i[0])) is not None and p.started == i[1]
        }
