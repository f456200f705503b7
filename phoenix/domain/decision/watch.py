"""The watch after a promotion: the active pipeline alone, against the guardrails that need no baseline.

The rule is stricter than a verdict's: what was not measured was not held. A watch that ends without a sound reading of
every such guardrail is a breach, for nobody knows what the promoted pipeline does.
"""

from collections.abc import Sequence
from dataclasses import replace

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.comparison import lost_sentence
from phoenix.domain.decision.design import Design
from phoenix.domain.decision.effects import measure_ratios
from phoenix.domain.decision.judgement import CriterionResult, judge
from phoenix.domain.decision.pairing import open_window
from phoenix.domain.decision.phrases import percent
from phoenix.domain.decision.retention import judge_retention
from phoenix.domain.decision.validity import HIGHEST_SHARE, STALE_INTERVALS
from phoenix.domain.samples import Scrape, Variant

WATCH_WARMUP = 3
"""Scrapes thrown away: a collector that just started uses more CPU, and a process counts from its second interval."""

MOST_UNREAD = 3
"""Scrapes in a row without fresh output, after which a pipeline does not work, whatever its process does."""


def breaches(
    scrapes: Sequence[Scrape],
    design: Design,
    *,
    is_last: bool,
    subject: str = "the promoted pipeline",
    meanwhile: str = "in the watch",
) -> tuple[str, ...]:
    """What a promoted pipeline breaches; empty while nothing.

    Args:
        scrapes: Of the active pipeline as the candidate; there need be no baseline.
        design: Of the experiment; its guardrails on levels apply, those relative to the baseline cannot.
        is_last: The watch ends with this scrape. A level is a fact over a stretch: before the experiment's minimum of
            scrapes it is judged only here, where it must hold.
        subject: What is watched, for sentences.
        meanwhile: When, for sentences.
    """
    design = replace(design, warmup=WATCH_WARMUP)
    window = open_window(scrapes, design)
    critical = judge_retention(scrapes, window, design)
    found = tuple(lost_sentence(missed, design) for missed in critical.lost)
    found += _silence(scrapes, design, subject, is_last=is_last)
    if not is_last and max((s.number for s in scrapes), default=0) < design.minimum_scrapes + WATCH_WARMUP:
        return found
    measures = measure_ratios(window, design)
    levels = [c for c in design.criteria if c.kind in (Kind.MINIMUM, Kind.MAXIMUM)]
    judged = [judge(criterion, window, measures, critical, design) for criterion in levels]
    breached = (result for result in judged if _is_breached(result, is_last=is_last))
    return found + tuple(_words(result, meanwhile) for result in breached)


def _is_breached(result: CriterionResult, *, is_last: bool) -> bool:
    """A worst minute above the limit leaves a verdict open, and a watch with it; a level nobody read does not hold."""
    return result.passed is False or (is_last and result.passed is None and result.value is None)


def _words(result: CriterionResult, meanwhile: str) -> str:
    return result.reason if result.value is not None else f"not measured {meanwhile}: {result.reason}"


def _silence(scrapes: Sequence[Scrape], design: Design, subject: str, *, is_last: bool) -> tuple[str, ...]:
    """Hosts whose pipeline was not read, or showed nothing fresh: in a row now, or too often in the whole watch."""
    found: list[str] = []
    for host in design.hosts:
        silent = [_is_silent(s, design) for s in scrapes if s.host == host and s.number > WATCH_WARMUP]
        if len(silent) >= MOST_UNREAD and all(silent[-MOST_UNREAD:]):
            found.append(f"{subject} on {host} exported nothing in its last {MOST_UNREAD} scrapes")
        elif is_last and (not silent or sum(silent) > HIGHEST_SHARE * len(silent)):
            found.append(
                f"{subject} on {host} exported nothing in {sum(silent)} of {len(silent)} scrapes,"
                f" at most {percent(HIGHEST_SHARE)} may be so"
            )
    return tuple(found)


def _is_silent(scrape: Scrape, design: Design) -> bool:
    sample = scrape.arm(Variant.CANDIDATE)
    age = None if sample is None or sample.error else sample.export_age_seconds
    return age is None or age > STALE_INTERVALS * design.interval_seconds
