"""How quantities read in the sentences that a verdict gives people."""

from phoenix.domain.metrics import NATURES, Metric

NAMES: dict[Metric, str] = {
    Metric.SERIES: "series",
    Metric.DISTINCT_SERIES: "distinct series",
    Metric.DATAPOINTS_PER_SECOND: "data points per second",
    Metric.BYTES_PER_SECOND: "bytes per second",
    Metric.COLLECTOR_CPU_CORES: "collector CPU",
    Metric.COLLECTOR_MEMORY_BYTES: "collector memory",
    Metric.CRITICAL_RETENTION: "critical retention",
    Metric.CPU_COVERAGE: "CPU coverage",
    Metric.MEMORY_COVERAGE: "memory coverage",
}
"""Metrics that stand in a criterion; any other reads as its own name."""

_SUFFIXES = {
    "1": "",
    "{cpu}": " cores",
    "{series}": " series",
    "{datapoint}/s": " data points/s",
    "By/s": " B/s",
}


def name_of(metric: Metric) -> str:
    return NAMES.get(metric, metric.value.replace("_", " "))


def percent(share: float) -> str:
    """`0.9294` as `92.9 %`; adding zero turns a rounded -0.0 into 0.0."""
    return f"{round(100 * share, 1) + 0.0:.1f} %"


def signed_percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f} %"


def quantity(metric: Metric, value: float) -> str:
    """A level with its unit, e.g. `0.097 cores`, `57.1 MiB`, `98.2 %`."""
    unit = NATURES[metric].unit
    if unit == "1":
        return percent(value)
    if unit == "By":
        return f"{value / 2**20:.1f} MiB"
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return digits + _SUFFIXES.get(unit, f" {unit}")
