"""Takes the scrapes of one host: both variants and the kernel's table at the same tick."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from phoenix.adapters.ports import CensusSession, Host, RunningCollector
from phoenix.adapters.scraping.scraper import ArmReading, ArmScraper
from phoenix.domain.errors import DependencyError
from phoenix.domain.observation.kernel_history import KernelHistory, unmatched
from phoenix.domain.observation.observer import ArmObserver
from phoenix.domain.patterns import compile_pattern
from phoenix.domain.processes import Census
from phoenix.domain.samples import ArmSample, Scrape

LEAST_TIMEOUT = timedelta(seconds=2)
MOST_TIMEOUT = timedelta(seconds=10)
"""Of one request or one table: an interval, within these. A shorter one would turn a busy moment into missing data; a
longer one would let a hung host stop the clock of all the others."""


class Measurement:
    """Measures one host through a run; remembers what the measures need of earlier scrapes.

    Args:
        host: Where.
        baseline: The baseline's collector; None leaves that variant out.
        candidate: The candidate's collector; None leaves that variant out.
        census: An open session on that host.
        critical: Patterns on `process.executable.name`.
        interval: Collection interval of both collectors.
    """

    def __init__(
        self,
        host: Host,
        baseline: RunningCollector | None,
        candidate: RunningCollector | None,
        census: CensusSession,
        critical: Sequence[str],
        interval: timedelta,
    ) -> None:
        self._name = host.name
        self._census = census
        self._clock = _HostClock()
        self._timeout = min(max(interval, LEAST_TIMEOUT), MOST_TIMEOUT)
        self._critical = tuple(compile_pattern(pattern) for pattern in critical)
        self._kernel = KernelHistory(self._critical)
        self._arms = [
            None if collector is None else _Arm(host, collector, interval, self._timeout)
            for collector in (baseline, candidate)
        ]
        self._pids = [collector.pid for collector in (baseline, candidate) if collector is not None]

    def scrape(self, number: int, clock: Callable[[], float], *, measured: bool) -> Scrape:
        """Read both variants and the kernel's table at once; what fails is missing and says why.

        Args:
            number: 1 for the first scrape of the run.
            clock: Monotonic time since the run's first tick, s.
            measured: The warm-up is over.
        """
        with ThreadPoolExecutor(max_workers=len(self._arms)) as threads:
            asked = clock()
            readings = [None if arm is None else threads.submit(arm.scraper.read) for arm in self._arms]
            census = self._take()
            at_seconds, wall_seconds = self._clock.place(census, asked, clock())
            self._kernel.observe(census)
            samples = [
                None
                if arm is None or reading is None
                else arm.judge(reading, self._kernel, measured=measured)
                for arm, reading in zip(self._arms, readings, strict=True)
            ]
        return Scrape(
            number=number,
            host=self._name,
            at_seconds=at_seconds,
            wall_seconds=wall_seconds,
            baseline=samples[0],
            candidate=samples[1],
            unmatched=unmatched(census, self._critical),
            undue=self._kernel.undue,
        )

    def _take(self) -> Census | None:
        try:
            return self._census.take(self._pids, self._timeout)
        except DependencyError:
            # The values that depend on it are absent in both samples; the scrape itself is not lost.
            return None


class _HostClock:
    """When a host was read, on the run's clock, and its wall clock at that same instant.

    Both come from the host's own agent, so an answer that is late to be read or to arrive moves neither against the
    other. A table that failed takes the time at which it was asked for and the wall clock that goes with it: what was
    not read did not jump.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last: tuple[float, float, float] | None = None

    def place(self, census: Census | None, asked: float, heard: float) -> tuple[float, float]:
        """Time since the run's first tick, and wall clock, s; `asked` and `heard` are on the run's clock."""
        if census is not None:
            if self._offset is None:
                self._offset = asked - census.at_seconds
            at = census.at_seconds + self._offset
            self._last = at, census.wall_seconds, heard
            return at, census.wall_seconds
        if self._last is None:
            return asked, time.time()
        at, wall, last_heard = self._last
        return at + asked - last_heard, wall + asked - last_heard


class _Arm:
    """One variant: its reader and its memory."""

    def __init__(
        self, host: Host, collector: RunningCollector, interval: timedelta, timeout: timedelta
    ) -> None:
        self.scraper = ArmScraper(host, collector, timeout)
        self._observer = ArmObserver(interval.total_seconds(), collector.pid)

    def judge(self, reading: Future[ArmReading], kernel: KernelHistory, *, measured: bool) -> ArmSample:
        found = reading.result()
        if found.export is None or found.telemetry is None:
            return ArmSample(error=found.error)
        return self._observer.observe(found.export, found.telemetry, kernel, measured=measured)
