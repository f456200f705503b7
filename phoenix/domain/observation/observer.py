"""What one variant on one host shows at a scrape, judged by the kernel's table of the same tick.

Every quantity whose inputs are missing is absent. An exposition without a single series is such an input: nothing
tells a pipeline that exports nothing from one whose output does not flow, and neither is a saving. Only the critical
processes count as missed by it, because they are.
"""

from dataclasses import dataclass

from phoenix.domain.metrics import Metric
from phoenix.domain.observation.counter_rates import CounterRates
from phoenix.domain.observation.cpu_account import CpuAccount
from phoenix.domain.observation.export_reading import ExportReading, read_export
from phoenix.domain.observation.exports import ExportSnapshot, Quantity, Telemetry
from phoenix.domain.observation.kernel_history import KernelHistory
from phoenix.domain.observation.presence import Presence
from phoenix.domain.processes import Census
from phoenix.domain.samples import ArmSample

LEAST_GROWTH_SECONDS = 0.5
"""CPU time the kernel must have seen used before a share of it is said: 50 ticks of 10 ms, so that the tick by which
two readings of a counter may differ is 2 %."""

MOST_APART = 0.9
"""Relative error of the growth from which on any coverage could be any other; keeps the slack finite."""

LEAST_CPU_SECONDS = 1.0
"""CPU time from which a process's counter is compared: a tick is 1 % of it."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Where the measured window began.

    Attributes:
        take: Number of the kernel's take.
        at_seconds: Its monotonic time, s.
        accounted: CPU time the output had accounted for, s.
        loose: CPU time that the account may have been wrong for, s.
        growth: CPU time the kernel had seen used, s.
        bounds: Between which values that lies, s.
    """

    take: int
    at_seconds: float
    accounted: float
    loose: float
    growth: float
    bounds: tuple[float, float]


class ArmObserver:
    """Follows one variant on one host through a run.

    Args:
        interval_seconds: Collection interval, s.
        collector_pid: Of the variant's collector, for the throttling of its cgroup.
    """

    def __init__(self, interval_seconds: float, collector_pid: int) -> None:
        self._interval = interval_seconds
        self._pid = collector_pid
        self._rates = CounterRates()
        self._account = CpuAccount()
        self._presence = Presence()
        self._window: _Window | None = None
        self._opened: int | None = None
        # Hashes, not keys: under churn a run sees some 100,000 series, and two of 64 bits hardly ever collide.
        self._distinct: set[int] = set()
        self._memory_share = 0.0
        self._memory_scrapes = 0
        self._had_memory = False

    def observe(
        self, export: ExportSnapshot, telemetry: Telemetry, kernel: KernelHistory, *, measured: bool
    ) -> ArmSample:
        """Judge one scrape.

        Args:
            export: What the exporter showed.
            telemetry: What the collector told of itself.
            kernel: Already fed with the table of this tick, or with None where that could not be read.
            measured: The warm-up is over. Everything that counts since then begins with the first such scrape.
        """
        census = kernel.current
        reading = read_export(export, self._interval, census.wall_seconds if census else None)
        values = self._rates.observe(telemetry)
        if reading.series:
            self._follow(reading, kernel, measured=measured)
            values |= self._counts(reading, export, measured=measured)
            values |= self._shares(reading, kernel) | self._presence_values(kernel)
            error = value_error(reading, kernel)
            values |= {} if error is None else {Metric.VALUE_ERROR: error}
        missed = tuple(p for p in kernel.due if (p.pid, p.name) not in reading.present)
        if kernel.due:
            values[Metric.CRITICAL_RETENTION] = 1 - len(missed) / len(kernel.due)
        return ArmSample(
            values=values,
            critical=len(kernel.due),
            missed=missed,
            cpu_seconds=telemetry.cpu_seconds,
            points_received=telemetry.points_received,
            export_age_seconds=_age(reading, kernel),
            throttled_periods=census.throttled_periods.get(self._pid) if census else None,
            is_judged=census is not None,
            coverage_slack=self._slack(values.get(Metric.CPU_COVERAGE), reading, kernel),
        )

    def _follow(self, reading: ExportReading, kernel: KernelHistory, *, measured: bool) -> None:
        if self._opened is None:
            self._opened = kernel.number
        self._account.observe(reading, kernel, self._window.take if self._window else self._opened)
        self._presence.observe(reading, kernel, self._window.take if self._window else None)
        census = kernel.current
        # The output is older than the tick, so the growth at its time needs a take before this one.
        if census is None or not measured or kernel.number < 2:
            return
        if self._window is None:
            collected = _collected(reading, census)
            self._window = _Window(
                take=kernel.number,
                at_seconds=census.at_seconds,
                accounted=self._account.total,
                loose=self._account.loose_seconds,
                growth=kernel.growth_at(collected),
                bounds=kernel.growth_bounds(collected),
            )
        self._had_memory = self._had_memory or reading.memory_bytes is not None
        resident = sum(process.rss_bytes for process in census.processes.values())
        if self._had_memory and resident > 0:
            self._memory_share += (reading.memory_bytes or 0.0) / resident
            self._memory_scrapes += 1

    def _counts(
        self, reading: ExportReading, export: ExportSnapshot, *, measured: bool
    ) -> dict[Metric, float]:
        values: dict[Metric, float] = {Metric.SERIES: reading.series}
        if measured:
            counted = (key.text for key, _, _ in export.points if key.quantity is not Quantity.NONE)
            self._distinct.update(map(hash, counted))
            values[Metric.DISTINCT_SERIES] = len(self._distinct)
        return values

    def _shares(self, reading: ExportReading, kernel: KernelHistory) -> dict[Metric, float]:
        """Coverage since the window began; of a quantity that the output never had, there is none."""
        values: dict[Metric, float] = {}
        census, window = kernel.current, self._window
        if census is None or window is None:
            return values
        growth = kernel.growth_at(_collected(reading, census)) - window.growth
        if self._account.is_fed and growth >= LEAST_GROWTH_SECONDS:
            values[Metric.CPU_COVERAGE] = (self._account.total - window.accounted) / growth
        if self._memory_scrapes:
            # Memory goes up and down, so its coverage is that of the levels, averaged over the window.
            values[Metric.MEMORY_COVERAGE] = self._memory_share / self._memory_scrapes
        return values

    def _slack(self, coverage: float | None, reading: ExportReading, kernel: KernelHistory) -> float | None:
        """By how much the coverage may be wrong for the phase of the collector: the growth at its time is bounded only."""
        census, window = kernel.current, self._window
        if coverage is None or census is None or window is None:
            return None
        collected = _collected(reading, census)
        (first, last), (least, most) = window.bounds, kernel.growth_bounds(collected)
        growth = kernel.growth_at(collected) - window.growth
        apart = max(most - first - growth, growth - (least - last)) / growth
        known = 1 - min(max(apart, 0.0), MOST_APART)
        return (coverage * (1 - known) + (self._account.loose_seconds - window.loose) / growth) / known

    def _presence_values(self, kernel: KernelHistory) -> dict[Metric, float]:
        values: dict[Metric, float] = {}
        census, window, presence = kernel.current, self._window, self._presence
        if census is None or window is None:
            return values
        if presence.is_fed and census.at_seconds > window.at_seconds:
            values[Metric.FLAP_RATE] = presence.flaps / (census.at_seconds - window.at_seconds)
        if presence.detected:
            values[Metric.DETECTION_DELAY_SECONDS] = presence.delay_seconds / presence.detected
        return values


def value_error(reading: ExportReading, kernel: KernelHistory) -> float | None:
    """The largest relative error of a kept process's CPU time; None where none can be compared.

    The output was collected between two takes, so only what lies outside the values at those is an error.
    """
    errors: list[float] = []
    for (pid, name), (exported, at) in reading.cpu_seconds.items():
        process = kernel.current.processes.get(pid) if kernel.current else None
        if process is None or process.name != name or process.cpu_seconds < LEAST_CPU_SECONDS:
            continue
        if bounds := kernel.cpu_bounds(process, at):
            errors.append(max(0.0, bounds[0] - exported, exported - bounds[1]) / process.cpu_seconds)
    return max(errors, default=None)


def _collected(reading: ExportReading, census: Census) -> float:
    """When the output was collected, host's wall clock, s; the tick where the exporter does not tell."""
    return census.wall_seconds if reading.newest_seconds is None else reading.newest_seconds


def _age(reading: ExportReading, kernel: KernelHistory) -> float | None:
    if reading.newest_seconds is None or kernel.current is None:
        return None
    # The table is read first: a point collected in between is no older than the tick.
    return max(0.0, kernel.current.wall_seconds - reading.newest_seconds)
