"""A collector's own telemetry, from its exposition to the counters that Phoenix reads.

The names are those of a pull reader without suffixes (seen at v0.159); with suffixes they end in `_total`.
"""

from collections.abc import Iterable

from phoenix.domain.exports import ExportSnapshot, Telemetry

MEASURING_EXPORTER = "prometheus/phoenix"
"""The exporter that every experiment slot adds; both variants are counted there, whatever else they export to."""

_FIELDS = {
    "otelcol_process_cpu_seconds": "cpu_seconds",
    "otelcol_process_memory_rss": "memory_bytes",
    "otelcol_process_memory_rss_bytes": "memory_bytes",
    "otelcol_receiver_accepted_metric_points": "points_received",
    "otelcol_processor_batch_batch_send_size_bytes_sum": "bytes_sent",
}
_SENT = "otelcol_exporter_sent_metric_points"


def read_telemetry(snapshot: ExportSnapshot, at_seconds: float) -> Telemetry:
    """Add up a collector's counters over its components; what it does not tell stays None.

    Points sent are those of the measuring exporter. An active slot has none: there they are those of all exporters.

    Args:
        snapshot: The exposition of its telemetry.
        at_seconds: Monotonic time when it was read, s.
    """
    found: dict[str, float] = {}
    sent: dict[str, float] = {}
    for key, value, _ in snapshot.points:
        name = key.name.removesuffix("_total")
        if name == _SENT:
            exporter = key.labels.get("exporter", "")
            sent[exporter] = sent.get(exporter, 0.0) + value
        elif field := _FIELDS.get(name):
            found[field] = found.get(field, 0.0) + value
    return Telemetry(
        at_seconds=at_seconds,
        points_sent=sent.get(MEASURING_EXPORTER, _sum(sent.values())),
        **found,
    )


def _sum(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) if found else None
