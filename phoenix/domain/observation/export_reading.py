"""One pass over a snapshot: what the measures need of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phoenix.domain.observation.exports import ExportSnapshot, Point, Quantity

FRESH_INTERVALS = 2.5
"""The exporter shows a series for so long after its last point (metric_expiration); what is older is not exported."""

ROUND_INTERVALS = 0.5
"""Points of one collection round are closer together than this, points of two rounds are not."""


@dataclass(frozen=True, slots=True)
class ExportReading:
    """What a snapshot shows.

    Attributes:
        series: Active series.
        newest_seconds: Time of the newest point, s since the epoch; None where the exporter tells no time.
        present: (pid, executable name) of every process with a fresh series.
        cpu: Points of CPU counters, modes that count only.
        interval_seconds: Collection interval, s.
        cpu_seconds: By (pid, executable name), the fresh CPU counters' sum and their time as in `newest_seconds`.
        memory_bytes: Resident memory in the newest round, By; None where no series tells of memory.
    """

    series: int
    newest_seconds: float | None
    present: frozenset[tuple[int, str]]
    cpu: Sequence[Point]
    interval_seconds: float
    cpu_seconds: Mapping[tuple[int, str], tuple[float, float | None]]
    memory_bytes: float | None


def read_export(
    snapshot: ExportSnapshot, interval_seconds: float, wall_seconds: float | None
) -> ExportReading:
    """Read a snapshot.

    A series whose process is no longer exported stands in the exposition until it expires. It is an active series to
    a backend as well, so it counts; but its memory may by then be in a folded series, so only the newest round says
    what is in the output.

    Args:
        snapshot: The exposition.
        interval_seconds: Collection interval, s.
        wall_seconds: The host's clock when it was read, s since the epoch; None if unknown: then all counts as fresh.
    """
    counted = [point for point in snapshot.points if point[0].quantity is not Quantity.NONE]
    newest = max((at for _, _, at in counted if at is not None), default=None)
    oldest = -math.inf if wall_seconds is None else (wall_seconds - FRESH_INTERVALS * interval_seconds) * 1000
    cpu = [point for point in counted if point[0].quantity is Quantity.CPU and math.isfinite(point[1])]
    return ExportReading(
        series=len(counted),
        newest_seconds=None if newest is None else newest / 1000,
        present=frozenset(
            key.process for key, _, at in counted if key.process is not None and (at is None or at >= oldest)
        ),
        cpu=cpu,
        interval_seconds=interval_seconds,
        cpu_seconds=_by_process(cpu, oldest),
        memory_bytes=_memory(counted, newest, interval_seconds),
    )


def _by_process(cpu: Sequence[Point], oldest: float) -> dict[tuple[int, str], tuple[float, float | None]]:
    found: dict[tuple[int, str], tuple[float, float | None]] = {}
    for key, value, at in cpu:
        process, seconds = key.process, None if at is None else at / 1000
        if process is None or (at is not None and at < oldest):
            continue
        others, of = found.get(process, (0.0, seconds))
        # A process that rewrites its command line gets new series, and the old ones linger: the newest round is it.
        if seconds is not None and of is not None and seconds != of:
            found[process] = max((value, seconds), (others, of), key=lambda sum_and_time: sum_and_time[1])
        else:
            found[process] = (others + value, seconds)
    return found


def _memory(points: Sequence[Point], newest: int | None, interval_seconds: float) -> float | None:
    memory = [
        (value, at) for key, value, at in points if key.quantity is Quantity.MEMORY and math.isfinite(value)
    ]
    if not memory:
        return None
    oldest = -math.inf if newest is None else newest - ROUND_INTERVALS * interval_seconds * 1000
    return sum(value for value, at in memory if at is None or at >= oldest)
