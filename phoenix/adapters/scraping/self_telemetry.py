"""A collector's own telemetry, from its exposition to the counters that Phoenix reads.

The names are those of a pull reader without suffixes (seen at v0.159); with suffixes they end in `_total`.
"""

from phoenix.domain.observation.exports import ExportSnapshot, Telemetry
from phoenix.manifests.slots import MEASUREMENT_EXPORTER

_SENT = "otelcol_exporter_sent_metric_points"
_FAILED = "otelcol_exporter_send_failed_metric_points"
_FIELDS = {
    "otelcol_process_cpu_seconds": "cpu_seconds",
    "otelcol_process_memory_rss": "memory_bytes",
    "otelcol_process_uptime": "uptime_seconds",
    "otelcol_process_uptime_seconds": "uptime_seconds",
    "otelcol_process_memory_rss_bytes": "memory_bytes",
    "otelcol_receiver_accepted_metric_points": "points_received",
    "otelcol_processor_batch_batch_send_size_bytes_sum": "bytes_sent",
}


def read_telemetry(snapshot: ExportSnapshot, at_seconds: float) -> Telemetry:
    """Add up a collector's counters over its components; what it does not tell stays None.

    Points sent are those of the measurement exporter, which every slot has: both variants are counted there, wherever
    else they send.

    Args:
        snapshot: The exposition of its telemetry.
        at_seconds: Monotonic time when it was read, s.
    """
    found: dict[str, float] = {}
    by_exporter: dict[str, dict[str, float]] = {_SENT: {}, _FAILED: {}}
    for key, value, _ in snapshot.points:
        name = key.name.removesuffix("_total")
        if field := _FIELDS.get(name):
            found[field] = found.get(field, 0.0) + value
        elif (points := by_exporter.get(name)) is not None:
            exporter = key.labels.get("exporter", "")
            points[exporter] = points.get(exporter, 0.0) + value
    sent = by_exporter[_SENT]
    return Telemetry(
        at_seconds=at_seconds,
        points_sent=sent.get(MEASUREMENT_EXPORTER),
        sent_to=sent,
        failed_to=by_exporter[_FAILED],
        **found,
    )
