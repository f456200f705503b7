"""Levels: what happened in the measured window, per host. Facts, nothing is inferred.

Levels of real collectors drift slowly, so an honest interval for a long-run mean grows without end (statistics: 6).
What can be said is what was seen: the mean over the window and the worst rolling minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phoenix.domain.decision.noise import Array
from phoenix.domain.decision.pairing import Reading, Window
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import Variant

MINUTE_SECONDS = 60.0
"""The rolling window; a shorter run is one window."""

CUMULATIVE = frozenset({Metric.CPU_COVERAGE, Metric.MEMORY_COVERAGE, Metric.DISTINCT_SERIES})
"""Metrics that count since the start of the window: their last value is the fact."""


@dataclass(frozen=True, slots=True)
class Level:
    """A metric's level on one host over the measured window, in the metric's unit.

    Attributes:
        host: Where.
        mean: Mean over the window; the last value of a cumulative metric.
        worst_minute: Largest mean of a rolling minute; equal to `mean` where the window is shorter, or cumulative.
        slack: The CPU coverage is known to plus and minus this; 0 for all else.
    """

    host: str
    mean: float
    worst_minute: float
    slack: float = 0.0


def levels_of(window: Window, metric: Metric, variant: Variant) -> tuple[Level, ...] | None:
    """The level on every host; None where a host has no data, for a fact about some of the hosts is none."""
    levels: list[Level] = []
    for host in window.hosts:
        level = _level(host, metric, window.readings[host, variant])
        if level is None:
            return None
        levels.append(level)
    return tuple(levels)


def _level(host: str, metric: Metric, readings: Sequence[Reading]) -> Level | None:
    if metric is Metric.COLLECTOR_CPU_CORES:
        return _counter_level(host, readings)
    nan = float("nan")
    values = np.array([r.sample.values.get(metric, nan) for r in readings], dtype=np.float64)
    at = np.array([r.at_seconds for r in readings], dtype=np.float64)
    at, values = at[np.isfinite(values)], values[np.isfinite(values)]
    if not len(values):
        return None
    if metric in CUMULATIVE:
        last = next(r.sample for r in reversed(readings) if r.at_seconds == at[-1])
        slack = last.coverage_slack if metric is Metric.CPU_COVERAGE else None
        return Level(host, float(values[-1]), float(values[-1]), slack or 0.0)
    return Level(host, float(values.mean()), worst_minute_of_values(at, values))


def _counter_level(host: str, readings: Sequence[Reading]) -> Level | None:
    """CPU from the collector's own counter: exact over the window, however the scrapes fell."""
    seen = [(r.at_seconds, r.sample.cpu_seconds) for r in readings if r.sample.cpu_seconds is not None]
    if len(seen) < 2:
        return None
    at, counter = np.array(seen, dtype=np.float64).T
    elapsed, used = float(at[-1] - at[0]), float(counter[-1] - counter[0])
    # A counter that fell was reset by a restart (validity says so): what was used before is lost.
    if elapsed <= 0 or float(np.diff(counter).min()) < 0:
        return None
    return Level(host, used / elapsed, worst_minute_of_counter(at, counter))


def worst_minute_of_values(at: Array, values: Array) -> float:
    """Largest mean of the values within a rolling minute.

    Args:
        at: Times, shape (n,), s, increasing.
        values: Shape (n,), n >= 1.
    """
    ends = np.flatnonzero(at - at[0] >= MINUTE_SECONDS)
    if not len(ends):
        return float(values.mean())
    starts = np.searchsorted(at, at[ends] - MINUTE_SECONDS, side="left")
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return float(((sums[ends + 1] - sums[starts]) / (ends + 1 - starts)).max())


def worst_minute_of_counter(at: Array, counter: Array) -> float:
    """Largest mean rate of a counter over a rolling minute: the shortest stretch of at least one.

    Args:
        at: Times, shape (n,), s, increasing.
        counter: Shape (n,), n >= 2, never falling.
    """
    ends = np.flatnonzero(at - at[0] >= MINUTE_SECONDS)
    if not len(ends):
        return float((counter[-1] - counter[0]) / (at[-1] - at[0]))
    starts = np.searchsorted(at, at[ends] - MINUTE_SECONDS, side="right") - 1
    return float(((counter[ends] - counter[starts]) / (at[ends] - at[starts])).max())
