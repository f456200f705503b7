"""Judgement: each criterion against what was measured, as a sentence with numbers.

| Kind | Passed | Failed (rolls back) | Open |
|---|---|---|---|
| minimumReduction | lower bound >= limit, at alpha | upper bound < limit, at alpha/(m+1) | else |
| maximumIncrease | upper bound <= limit, at alpha | lower bound > limit, at alpha/(m+1) | else |
| maximum | every host's mean and worst minute <= limit | a host's mean > limit | only a minute above |
| minimum (coverage) | every host >= limit, surely | a host < limit, surely, and the baseline there >= | else |
| minimum (retention) | share >= limit, nothing unmatched, none lost | a process lost | else |

Before the minimum of scrapes, and in an invalid run, every criterion is open, but for a lost process.
"""

import math
from dataclasses import dataclass
from typing import assert_never

from phoenix.domain.criteria import Criterion, Kind
from phoenix.domain.decision.design import Design
from phoenix.domain.decision.effects import Measures
from phoenix.domain.decision.levels import Level, levels_of
from phoenix.domain.decision.pairing import Window
from phoenix.domain.decision.phrases import name_of, percent, quantity, signed_percent
from phoenix.domain.decision.retention import Critical
from phoenix.domain.decision.sequence import Interval, LogRatio, Method, confidence_interval
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import Variant


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """How one inequality stands.

    Attributes:
        criterion: The inequality.
        value: Its left-hand side: a ratio's estimate, a level's fact on the worst host; None where not measured.
        lower: Lower bound of a ratio at alpha; None for a fact and where it cannot be computed.
        upper: Upper bound of a ratio at alpha, as `lower`.
        passed: True inside the limit, False breached or proven outside, None open.
        reason: The inequality in numbers, for people.
    """

    criterion: Criterion
    value: float | None
    lower: float | None
    upper: float | None
    passed: bool | None
    reason: str


def judge(
    criterion: Criterion, window: Window, measures: Measures, critical: Critical, design: Design
) -> CriterionResult:
    """Hold one criterion against the measured window.

    References:
        statistics: 5, 6, 7, 9.
    """
    match criterion.kind:
        case Kind.MINIMUM_REDUCTION:
            return _judge_reduction(criterion, measures.ratios[criterion.metric], design)
        case Kind.MAXIMUM_INCREASE:
            return _judge_increase(criterion, measures.ratios[criterion.metric], design)
        case Kind.MAXIMUM:
            return _judge_ceiling(criterion, levels_of(window, criterion.metric, Variant.CANDIDATE))
        case Kind.MINIMUM if criterion.metric is Metric.CRITICAL_RETENTION:
            return _judge_retention(criterion, critical)
        case Kind.MINIMUM:
            baseline, candidate = (levels_of(window, criterion.metric, variant) for variant in Variant)
            return _judge_floor(criterion, candidate, baseline or ())
    assert_never(criterion.kind)  # pragma: no cover - for the type checker


def _judge_reduction(criterion: Criterion, ratio: LogRatio, design: Design) -> CriterionResult:
    name, limit = name_of(criterion.metric), criterion.limit
    wanted = f"at least {percent(limit)} wanted"
    usual, strict = confidence_interval(ratio, design.alpha), confidence_interval(ratio, design.strict_alpha)
    value = None if ratio.theta is None else -math.expm1(ratio.theta)
    if value is None or usual.lower is None or usual.upper is None:
        return _without_interval(
            criterion, value, f"{name}: no interval yet, {ratio.reason or usual.reason}; {wanted}"
        )
    lower, upper = -math.expm1(usual.upper), -math.expm1(usual.lower)
    shown = f"{name} cut by {percent(value)} [{percent(lower)}, {percent(upper)}]{_caveat(usual)}, {wanted}"
    if lower >= limit:
        return CriterionResult(criterion, value, lower, upper, passed=True, reason=shown)
    if strict.lower is not None and -math.expm1(strict.lower) < limit:
        return CriterionResult(criterion, value, lower, upper, passed=False, reason=shown)
    open_at = f"{shown}: the lower bound must reach {percent(limit)}"
    return CriterionResult(criterion, value, lower, upper, passed=None, reason=open_at)


def _judge_increase(criterion: Criterion, ratio: LogRatio, design: Design) -> CriterionResult:
    name, limit = name_of(criterion.metric), criterion.limit
    allowed = f"an increase of at most {percent(limit)} allowed"
    usual, strict = confidence_interval(ratio, design.alpha), confidence_interval(ratio, design.strict_alpha)
    value = None if ratio.theta is None else math.expm1(ratio.theta)
    if value is None or usual.lower is None or usual.upper is None:
        return _without_interval(
            criterion, value, f"{name}: no interval yet, {ratio.reason or usual.reason}; {allowed}"
        )
    lower, upper = math.expm1(usual.lower), math.expm1(usual.upper)
    bounds = f"[{signed_percent(lower)}, {signed_percent(upper)}]{_caveat(usual)}"
    shown = f"{name} changed by {signed_percent(value)} {bounds}, {allowed}"
    if upper <= limit:
        return CriterionResult(criterion, value, lower, upper, passed=True, reason=shown)
    if strict.lower is not None and math.expm1(strict.lower) > limit:
        return CriterionResult(criterion, value, lower, upper, passed=False, reason=shown)
    open_at = f"{shown}: the upper bound must come down to {signed_percent(limit)}"
    return CriterionResult(criterion, value, lower, upper, passed=None, reason=open_at)


def _without_interval(criterion: Criterion, value: float | None, reason: str) -> CriterionResult:
    return CriterionResult(criterion, value, None, None, passed=None, reason=reason)


def _caveat(interval: Interval) -> str:
    """The range rule has no alpha behind it; a verdict that rests on it says so."""
    return " by the range rule" if interval.method is Method.RANGE_RULE else ""


def _judge_ceiling(criterion: Criterion, levels: tuple[Level, ...] | None) -> CriterionResult:
    metric, limit = criterion.metric, criterion.limit
    allowed = f"at most {quantity(metric, limit)} allowed"
    if levels is None:
        return _without_interval(
            criterion, None, f"{name_of(metric)} was not measured on every host; {allowed}"
        )
    worst = max(levels, key=lambda level: level.mean)
    peak = max(levels, key=lambda level: level.worst_minute)
    shown = (
        f"{name_of(metric)} {quantity(metric, worst.mean)} on average on {worst.host},"
        f" {quantity(metric, peak.worst_minute)} in the worst minute on {peak.host}, {allowed}"
    )
    passed = None
    if worst.mean > limit:
        passed = False
    elif peak.worst_minute <= limit:
        passed = True
    return CriterionResult(criterion, worst.mean, None, None, passed, shown)


def _judge_floor(
    criterion: Criterion, levels: tuple[Level, ...] | None, baseline: tuple[Level, ...]
) -> CriterionResult:
    """Hold every host's coverage against the floor; `baseline` is empty where it was not measured.

    Where the baseline, which drops nothing, is below the floor too, the candidate is not what is at fault.
    """
    metric, limit = criterion.metric, criterion.limit
    wanted = f"at least {quantity(metric, limit)} wanted"
    if levels is None:
        return _without_interval(
            criterion, None, f"{name_of(metric)} was not measured on every host; {wanted}"
        )
    doubtful = {level.host: level for level in baseline if level.mean < limit}
    breached = [lv for lv in levels if lv.mean + lv.slack < limit and lv.host not in doubtful]
    worst = min(breached or levels, key=lambda level: level.mean - level.slack)
    shown = f"{name_of(metric)} {quantity(metric, worst.mean)} on {worst.host}, {wanted}"
    if breached:
        return CriterionResult(criterion, worst.mean, None, None, passed=False, reason=shown)
    if worst.mean - worst.slack >= limit:
        return CriterionResult(criterion, worst.mean, None, None, passed=True, reason=shown)
    if worst.mean + worst.slack >= limit:
        shown = f"{shown}: known to {quantity(metric, worst.slack)} only, by when the output was collected"
    else:
        shown = (
            f"{shown}: the baseline has {quantity(metric, doubtful[worst.host].mean)} there as well, so the"
            " measurement or the host is at fault"
        )
    return CriterionResult(criterion, worst.mean, None, None, passed=None, reason=shown)


def _judge_retention(criterion: Criterion, critical: Critical) -> CriterionResult:
    """Short of its minimum without a lost process stays open: or a wider limit would be judged harder than 100 %."""
    share = critical.retained[Variant.CANDIDATE]
    wanted = f"at least {percent(criterion.limit)} wanted"
    gaps = unmatched_sentences(critical)
    if share is None:
        gaps = gaps or ["no critical process was alive to be exported"]
        return _without_interval(
            criterion, None, f"critical retention is missing: {'; '.join(gaps)}; {wanted}"
        )
    misses = sum(m.scrapes for m in critical.missed_by(Variant.CANDIDATE))
    shown = (
        f"{critical.processes} critical processes missed {misses} times in {critical.scrapes} scrapes"
        f" ({percent(share)} exported, {bound_phrase(critical)}), {wanted}"
    )
    if critical.lost:
        return CriterionResult(criterion, share, None, None, passed=False, reason=shown)
    if gaps:
        shown = f"{shown}, but critical retention is missing: {'; '.join(gaps)}"
    passed = True if share >= criterion.limit and not gaps else None
    return CriterionResult(criterion, share, None, None, passed, shown)


def bound_phrase(critical: Critical) -> str:
    bound = critical.miss_upper_bound
    return "no bound" if bound is None else f"misses in at most {percent(bound)} of scrapes"


def unmatched_sentences(critical: Critical) -> list[str]:
    return [
        *(f"pattern {pattern!r} matches no living process on {host}" for pattern, host in critical.unmatched),
        *(
            f"pattern {pattern!r} matches no process on {host} that lived for two intervals"
            for pattern, host in critical.short_lived
        ),
    ]
