"""The quantities Phoenix measures for each variant, with their units and how each may be judged.

Judged by an interval means: the candidate's ratio to the baseline is inferred (`phoenix.domain.decision.sequence`). Judged as
a fact means: what happened in the measured window is held against the limit, nothing is inferred. What is neither is
reported and decides nothing, because its samples are not stationary.
"""

from dataclasses import dataclass
from enum import StrEnum


class Metric(StrEnum):
    """Name of a measured quantity, as it stands in specs, tables and exports."""

    SERIES = "series"
    DISTINCT_SERIES = "distinct_series"
    DATAPOINTS_PER_SECOND = "datapoints_per_second"
    BYTES_PER_SECOND = "bytes_per_second"
    COLLECTOR_CPU_CORES = "collector_cpu_cores"
    COLLECTOR_MEMORY_BYTES = "collector_memory_bytes"
    CRITICAL_RETENTION = "critical_retention"
    CPU_COVERAGE = "cpu_coverage"
    MEMORY_COVERAGE = "memory_coverage"
    VALUE_ERROR = "value_error"
    FLAP_RATE = "flap_rate"
    DETECTION_DELAY_SECONDS = "detection_delay_seconds"


@dataclass(frozen=True, slots=True)
class Nature:
    """What a metric is and how it may be judged.

    Attributes:
        unit: UCUM unit as the OpenTelemetry conventions write it.
        help: One line for people.
        is_ratio_judged: May stand in an objective or a `maximumIncrease` guardrail.
        is_ceiling: May stand in a `maximum` guardrail, as a fact.
        is_floor: May stand in a `minimum` guardrail, as a fact.
        step: Smallest difference the metric can show; widens its interval (statistics: resolution band).
    """

    unit: str
    help: str
    is_ratio_judged: bool = False
    is_ceiling: bool = False
    is_floor: bool = False
    step: float = 0.0


NATURES: dict[Metric, Nature] = {
    Metric.SERIES: Nature("{series}", "Active time series of the variant.", is_ratio_judged=True, step=1.0),
    Metric.DISTINCT_SERIES: Nature("{series}", "Distinct time series since the warm-up; counts churn."),
    Metric.DATAPOINTS_PER_SECOND: Nature(
        "{datapoint}/s", "Data points exported a second.", is_ratio_judged=True
    ),
    Metric.BYTES_PER_SECOND: Nature("By/s", "Uncompressed OTLP bytes a second.", is_ratio_judged=True),
    Metric.COLLECTOR_CPU_CORES: Nature(
        "{cpu}", "CPU the collector uses.", is_ratio_judged=True, is_ceiling=True
    ),
    Metric.COLLECTOR_MEMORY_BYTES: Nature("By", "Resident memory of the collector.", is_ceiling=True),
    Metric.CRITICAL_RETENTION: Nature(
        "1", "Critical processes alive that the variant exports.", is_floor=True
    ),
    Metric.CPU_COVERAGE: Nature(
        "1", "CPU time of all processes that the output accounts for.", is_floor=True
    ),
    Metric.MEMORY_COVERAGE: Nature("1", "Resident memory of all processes in the output.", is_floor=True),
    Metric.VALUE_ERROR: Nature("1", "Largest relative error of a kept process's CPU time."),
    Metric.FLAP_RATE: Nature("1/s", "Kept processes that left and returned, a second."),
    Metric.DETECTION_DELAY_SECONDS: Nature("s", "From a process's start until the variant exports it."),
}
"""Every metric has exactly one entry; a test holds the two together."""
