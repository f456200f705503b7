"""Rates from a collector's own counters, between two consecutive readings that succeeded."""

from phoenix.domain.metrics import Metric
from phoenix.domain.observation.exports import Telemetry


class CounterRates:
    """Remembers the reading before, of one collector."""

    def __init__(self) -> None:
        self._last: Telemetry | None = None

    def observe(self, telemetry: Telemetry) -> dict[Metric, float]:
        """Rates a second and the memory; absent at the first reading, for a counter that is not told or fell."""
        last, self._last = self._last, telemetry
        values: dict[Metric, float] = {}
        if telemetry.memory_bytes is not None:
            values[Metric.COLLECTOR_MEMORY_BYTES] = telemetry.memory_bytes
        if last is None or telemetry.at_seconds <= last.at_seconds:
            return values
        elapsed = telemetry.at_seconds - last.at_seconds
        for metric, before, after in (
            (Metric.DATAPOINTS_PER_SECOND, last.points_sent, telemetry.points_sent),
            (Metric.BYTES_PER_SECOND, last.bytes_sent, telemetry.bytes_sent),
            (Metric.COLLECTOR_CPU_CORES, last.cpu_seconds, telemetry.cpu_seconds),
        ):
            # A counter that fell belongs to a collector that restarted: what it did in between is unknown.
            if before is not None and after is not None and after >= before:
                values[metric] = (after - before) / elapsed
        return values
