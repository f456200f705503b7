"""The comparison: everything that can be said of an experiment from the scrapes so far, at every scrape anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from phoenix.domain.decision.design import Design
from phoenix.domain.decision.effects import (
    Effect,
    Measures,
    MetricSummary,
    fleet_effect,
    measure_ratios,
    summarise,
)
from phoenix.domain.decision.judgement import CriterionResult, bound_phrase, judge, unmatched_sentences
from phoenix.domain.decision.pairing import Window, open_window
from phoenix.domain.decision.phrases import name_of, percent
from phoenix.domain.decision.retention import Critical, Missed, judge_retention
from phoenix.domain.decision.validity import Validity, check_validity
from phoenix.domain.decision.verdict import Evidence, Verdict, conclude
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import Scrape, Variant

__all__ = [
    "Comparison",
    "CriterionResult",
    "Critical",
    "Design",
    "Effect",
    "MetricSummary",
    "Missed",
    "Validity",
    "Verdict",
    "as_document",
    "compare",
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One look at an experiment.

    Attributes:
        verdict: What it says; the first one that is not INCONCLUSIVE stands, the caller stops there.
        reasons: Sentences for people, with numbers.
        scrapes: Paired measured scrapes: complete ticks after the warm-up.
        validity: Whether the run may be compared.
        alpha: Error rate of each interval.
        metrics: Every metric that has data.
        criteria: Every criterion, the objective first.
        critical: What became of the critical processes.
        decided_at_scrape: Number of the scrape (counted from the first of the run, like `Scrape.number`) at which this
            look decided; None where it did not.
        fleet: The objective's reduction on hosts like these, once decided, from three hosts on; else None.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    scrapes: int
    validity: Validity
    alpha: float
    metrics: dict[Metric, MetricSummary]
    criteria: tuple[CriterionResult, ...]
    critical: Critical
    decided_at_scrape: int | None
    fleet: Effect | None = None


def compare(scrapes: Sequence[Scrape], design: Design, interruption: str = "") -> Comparison:
    """Judge an experiment from all scrapes so far; pure, and cheap enough for every scrape.

    Args:
        scrapes: In any order, warm-up included; of two with the same host and number the later one counts.
        design: What was fixed beforehand.
        interruption: What ended the run from outside (a collector that died, a load that ended), in words; the run is
            invalid then. "" where nothing did.

    References:
        statistics: 1-11.
    """
    window = open_window(scrapes, design)
    measures = measure_ratios(window, design)
    critical = judge_retention(scrapes, window, design)
    judged = {c.metric: measures.pairs[c.metric] for c in design.criteria if c.metric in measures.pairs}
    validity = check_validity(window, design, judged)
    if interruption:
        validity = Validity(valid=False, reasons=(interruption, *validity.reasons))
    shortage = _shortage(window.paired_scrapes, design)
    results = (judge(c, window, measures, critical, design) for c in design.criteria)
    criteria = tuple(_withhold(r, validity, shortage, critical) for r in results)
    lost = tuple(lost_sentence(m, design) for m in critical.lost)
    gaps = tuple(unmatched_sentences(critical))
    verdict, reasons = conclude(Evidence(lost, validity.reasons, shortage, criteria, gaps))
    is_decided = verdict is not Verdict.INCONCLUSIVE
    fleet = _fleet(measures, design) if is_decided else None
    if verdict is Verdict.PROMOTE:
        reasons += _scope(window, critical, fleet, design)
    return Comparison(
        verdict=verdict,
        reasons=reasons,
        scrapes=window.paired_scrapes,
        validity=validity,
        alpha=design.alpha,
        metrics=summarise(window, measures, critical, design.alpha),
        criteria=criteria,
        critical=critical,
        decided_at_scrape=window.last_number if is_decided else None,
        fleet=fleet,
    )


def _shortage(paired: int, design: Design) -> str:
    if paired >= design.minimum_scrapes:
        return ""
    return f"needs {design.minimum_scrapes} paired scrapes after the warm-up, has {paired}"


def _withhold(
    result: CriterionResult, validity: Validity, shortage: str, critical: Critical
) -> CriterionResult:
    """A criterion is judged in a valid run of the minimum length only; a lost process is lost in any run."""
    if result.passed is None or (validity.valid and not shortage):
        return result
    if result.criterion.metric is Metric.CRITICAL_RETENTION and critical.lost:
        return result
    why = "too few scrapes" if validity.valid else "the run is invalid"
    return replace(result, passed=None, reason=f"{result.reason} (not judged: {why})")


def lost_sentence(missed: Missed, design: Design) -> str:
    return (
        f"critical process {missed.name} (pid {missed.pid}) on {missed.host} is alive and the candidate"
        f" {design.candidate_name} did not export it in {missed.scrapes} scrapes after the warm-up"
    )


def _fleet(measures: Measures, design: Design) -> Effect | None:
    return fleet_effect(measures.pairs[design.objective.metric], design.alpha)


def _scope(window: Window, critical: Critical, fleet: Effect | None, design: Design) -> tuple[str, ...]:
    """What a promotion does not say: about other hosts, and about misses too rare for this run."""
    reasons: tuple[str, ...] = ()
    if critical.scrapes:
        reasons += (
            f"critical processes: {bound_phrase(critical)} at {percent(1 - design.alpha)} confidence",
        )
    if fleet is None or fleet.estimate is None or fleet.lower is None or fleet.upper is None:
        return (*reasons, f"this speaks of the tested hosts only: {', '.join(window.hosts)}")
    bounds = f"[{percent(fleet.lower)}, {percent(fleet.upper)}]"
    name = name_of(design.objective.metric)
    return (
        *reasons,
        f"on hosts like these {fleet.n}: {name} cut by {percent(fleet.estimate)} {bounds} (Student t)",
    )


def as_document(comparison: Comparison) -> dict[str, object]:
    """The comparison in its public JSON shape; every missing value is null, with its reason beside it."""
    return {
        "verdict": comparison.verdict.value,
        "reasons": list(comparison.reasons),
        "scrapes": comparison.scrapes,
        "validity": {"valid": comparison.validity.valid, "reasons": list(comparison.validity.reasons)},
        "alpha": comparison.alpha,
        "metrics": {metric.value: _summary_document(s) for metric, s in comparison.metrics.items()},
        "criteria": [_criterion_document(result) for result in comparison.criteria],
        "critical": _critical_document(comparison.critical),
        "decidedAtScrape": comparison.decided_at_scrape,
        "fleet": _effect_document(comparison.fleet),
    }


def _summary_document(summary: MetricSummary) -> dict[str, object]:
    effect = _effect_document(summary.effect)
    return {"baseline": summary.baseline, "candidate": summary.candidate, "effect": effect}


def _effect_document(effect: Effect | None) -> dict[str, object] | None:
    if effect is None:
        return None
    return {
        "estimate": effect.estimate,
        "lower": effect.lower,
        "upper": effect.upper,
        "unit": effect.unit,
        "method": effect.method,
        "pValue": effect.p_value,
        "n": effect.n,
        "nEffective": effect.n_effective,
        "reason": effect.reason,
    }


def _criterion_document(result: CriterionResult) -> dict[str, object]:
    return {
        "metric": result.criterion.metric.value,
        "role": result.criterion.role.value,
        "kind": result.criterion.kind.value,
        "limit": result.criterion.limit,
        "value": result.value,
        "lower": result.lower,
        "upper": result.upper,
        "passed": result.passed,
        "reason": result.reason,
    }


def _critical_document(critical: Critical) -> dict[str, object]:
    return {
        "processes": critical.processes,
        "missed": _missed_documents(critical, Variant.CANDIDATE),
        "missedByBaseline": _missed_documents(critical, Variant.BASELINE),
        "missUpperBound": critical.miss_upper_bound,
    }


def _missed_documents(critical: Critical, variant: Variant) -> list[dict[str, object]]:
    missed = critical.missed_by(variant)
    return [{"host": m.host, "name": m.name, "pid": m.pid, "scrapes": m.scrapes} for m in missed]
