"""Effects and facts: what each metric did in the measured window, for people and for the criteria.

The fact (what was seen, exact) and the effect (what it lets one expect, an interval) stand side by side and are never
mixed up: a mean over the window has no bounds, an interval is about more than the window.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from phoenix.domain.decision.design import Design
from phoenix.domain.decision.fleet import MINIMUM_HOSTS, host_log_ratios, student_interval
from phoenix.domain.decision.levels import levels_of
from phoenix.domain.decision.noise import Array
from phoenix.domain.decision.pairing import Pairs, Window, pair
from phoenix.domain.decision.retention import Critical
from phoenix.domain.decision.sequence import LogRatio, confidence_interval, measure
from phoenix.domain.metrics import NATURES, Metric
from phoenix.domain.samples import Variant

SUMMED = frozenset(
    {
        Metric.SERIES,
        Metric.DISTINCT_SERIES,
        Metric.DATAPOINTS_PER_SECOND,
        Metric.BYTES_PER_SECOND,
        Metric.COLLECTOR_CPU_CORES,
        Metric.COLLECTOR_MEMORY_BYTES,
        Metric.FLAP_RATE,
    }
)
"""Metrics whose total over hosts is meant; a coverage is the least of the hosts, any other metric the largest."""

STUDENT_T = "student_t"


@dataclass(frozen=True, slots=True)
class Effect:
    """The candidate's reduction 1 - y/x against the baseline.

    Attributes:
        estimate: The reduction; None where a side is zero throughout or has no data.
        lower: Its lower bound; None where it cannot be computed.
        upper: Its upper bound; None where it cannot be computed.
        unit: "1": a fraction.
        method: What gave the bounds, a value of `sequence.Method` or `student_t`; "" without bounds.
        p_value: Against no difference: always valid, or for one look with `student_t`. None where no alpha stands
            behind the bounds.
        n: Paired scrapes; hosts with `student_t`.
        n_effective: Effective sample size; None without bounds.
        reason: Why an estimate, bounds or a p-value are missing; "" otherwise.
    """

    estimate: float | None
    lower: float | None
    upper: float | None
    unit: str
    method: str
    p_value: float | None
    n: int
    n_effective: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric over the measured window.

    Attributes:
        baseline: The baseline's fact over all hosts, in the metric's unit; None where a host has no data.
        candidate: The candidate's, as `baseline`.
        effect: None for a metric that no interval may judge.
    """

    baseline: float | None
    candidate: float | None
    effect: Effect | None


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured, computed once for the summaries, the criteria and the checks.

    Attributes:
        pairs: By metric that an interval may judge and that any paired scrape has.
        ratios: The log ratio of the same metrics, summed over hosts.
    """

    pairs: Mapping[Metric, Pairs] = field(default_factory=dict[Metric, Pairs])
    ratios: Mapping[Metric, LogRatio] = field(default_factory=dict[Metric, LogRatio])


def measure_ratios(window: Window, design: Design) -> Measures:
    """Estimate the log ratio of every metric that an interval may judge."""
    found = {metric: pair(window, metric) for metric, nature in NATURES.items() if nature.is_ratio_judged}
    judged = {c.metric for c in design.criteria}
    pairs = {metric: p for metric, p in found.items() if p.baseline.shape[1] or metric in judged}
    ratios = {
        metric: measure(p.baseline.sum(axis=0), p.candidate.sum(axis=0), NATURES[metric].step, design.tau)
        for metric, p in pairs.items()
    }
    return Measures(pairs, ratios)


def reduction_effect(ratio: LogRatio, alpha: float) -> Effect:
    """The reduction with the bounds of the confidence sequence: its lower bound comes from theta's upper one."""
    interval = confidence_interval(ratio, alpha)
    return Effect(
        estimate=_reduction(ratio.theta),
        lower=_reduction(interval.upper),
        upper=_reduction(interval.lower),
        unit="1",
        method=interval.method or "",
        p_value=interval.p_value,
        n=ratio.n,
        n_effective=ratio.noise.effective if ratio.noise and interval.method else None,
        reason=interval.reason,
    )


def fleet_effect(pairs: Pairs, alpha: float) -> Effect | None:
    """The reduction on hosts like these; None with fewer than three hosts or a host without data on a side.

    References:
        statistics: 10. Judged once, at the verdict.
    """
    hosts = len(pairs.baseline)
    logs: Array | None = host_log_ratios(pairs.baseline, pairs.candidate) if hosts >= MINIMUM_HOSTS else None
    if logs is None:
        return None
    found = student_interval(logs, alpha)
    bounds = _reduction(found.mean), _reduction(found.upper), _reduction(found.lower)
    return Effect(*bounds, "1", STUDENT_T, found.p_value, hosts, float(hosts), "")


def _reduction(log_ratio: float | None) -> float | None:
    return None if log_ratio is None else -math.expm1(log_ratio)


def summarise(
    window: Window, measures: Measures, critical: Critical, alpha: float
) -> dict[Metric, MetricSummary]:
    """Facts and effects of every metric that has data, in the order of the catalogue."""
    summaries: dict[Metric, MetricSummary] = {}
    for metric in Metric:
        baseline, candidate = (_fact(window, critical, metric, variant) for variant in Variant)
        ratio = measures.ratios.get(metric)
        if baseline is not None or candidate is not None or (ratio and ratio.n):
            effect = reduction_effect(ratio, alpha) if ratio else None
            summaries[metric] = MetricSummary(baseline, candidate, effect)
    return summaries


def _fact(window: Window, critical: Critical, metric: Metric, variant: Variant) -> float | None:
    if metric is Metric.CRITICAL_RETENTION:
        return critical.retained[variant]
    levels = levels_of(window, metric, variant)
    if levels is None:
        return None
    means = [level.mean for level in levels]
    if metric in SUMMED:
        return sum(means)
    return min(means) if NATURES[metric].is_floor else max(means)
