"""The watch after a promotion: the active pipeline alone, against the guardrails that need no baseline."""

from collections.abc import Sequence
from dataclasses import replace

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.comparison import lost_sentence
from phoenix.domain.decision.design import FIRST_LOOK, Design
from phoenix.domain.decision.effects import measure_ratios
from phoenix.domain.decision.judgement import judge
from phoenix.domain.decision.pairing import open_window
from phoenix.domain.decision.retention import judge_retention
from phoenix.domain.samples import Scrape

WATCH_WARMUP = 3
"""Scrapes thrown away: a collector that just started uses more CPU, and a process counts from its second interval."""


def breaches(scrapes: Sequence[Scrape], design: Design, *, is_last: bool) -> tuple[str, ...]:
    """What a promoted pipeline breaches; empty while nothing.

    Args:
        scrapes: Of the active pipeline as the candidate; there is no baseline.
        design: Of the experiment; its guardrails on levels apply, those relative to the baseline cannot.
        is_last: The watch ends with this scrape. A level is a fact over a stretch: before `FIRST_LOOK` scrapes it is
            judged only here.
    """
    design = replace(design, warmup=WATCH_WARMUP)
    window = open_window(scrapes, design)
    critical = judge_retention(scrapes, window, design)
    found = tuple(lost_sentence(missed, design) for missed in critical.lost)
    if not is_last and len(scrapes) < (FIRST_LOOK + WATCH_WARMUP) * len(design.hosts):
        return found
    measures = measure_ratios(window, design)
    levels = [c for c in design.criteria if c.kind in (Kind.MINIMUM, Kind.MAXIMUM)]
    judged = [judge(criterion, window, measures, critical, design) for criterion in levels]
    return found + tuple(result.reason for result in judged if result.passed is False)
