"""The wait for an approval: both variants run on, and a breach takes the promise of the verdict back.

The long past must not hide a fault that begins while a person thinks: a mean over an hour hardly moves when memory leaks
in its last minutes. So the wait is cut into stretches, each measured anew and judged by itself:

- by the rules of the watch (`watch.breaches`): a lost process, silence, a level outside its limit. These are facts
  about the stretch. No error rate stands behind them: a candidate whose level in the long run lies close to its limit
  may breach in a stretch although it held in the experiment.
- by the comparison, as a run of its own with its own minimum of scrapes: whatever makes that ROLL_BACK, a relative
  guardrail proven outside its limit above all. Within a stretch it may be looked at after every scrape. Stretch k is
  given the share 6 / (pi k)^2 of the experiment's alpha; the shares of all stretches sum to 1, so however long the wait
  is, the chance that an interval takes back a candidate that keeps its limits is at most alpha for each criterion,
  beside the alpha of the verdict itself.

Beside them the comparison over everything, the experiment and the wait so far, goes on: it is anytime-valid, so looking
on costs no further alpha. It finds what is too small for a stretch.

A fault is found at the latest one stretch after the one that it begins in, if it shows over half of a stretch.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from phoenix.domain.decision import watch
from phoenix.domain.decision.comparison import Comparison, compare
from phoenix.domain.decision.design import Design
from phoenix.domain.decision.verdict import Verdict
from phoenix.domain.decision.watch import WATCH_WARMUP
from phoenix.domain.samples import Scrape


def stretch_scrapes(design: Design) -> int:
    """Scrapes of a stretch, its warm-up included: twice the minimum, so that half of one still is a judgement."""
    return WATCH_WARMUP + 2 * design.minimum_scrapes


def share_of(stretch: int) -> float:
    """The share of alpha that is spent in the stretch of this number, counted from 1."""
    return 6 / (math.pi * stretch) ** 2


def breaches(
    scrapes: Sequence[Scrape], design: Design, stretch: int, *, is_last: bool = False
) -> tuple[str, ...]:
    """What is breached in a stretch; empty while nothing.

    Args:
        scrapes: Of this stretch, numbered from 1 in it; of its first `WATCH_WARMUP` nothing is judged.
        design: Of the experiment.
        stretch: Its number, counted from 1.
        is_last: The stretch ends with this scrape: what was not measured in it did not hold.

    References:
        statistics: 4, 9.
    """
    found = watch.breaches(
        scrapes, design, is_last=is_last, subject="the candidate", meanwhile="while waiting for the approval"
    )
    alpha = design.alpha * share_of(stretch)
    return found or _against(compare(scrapes, replace(design, warmup=WATCH_WARMUP, alpha=alpha)))


def breaches_of_all(scrapes: Sequence[Scrape], design: Design) -> tuple[str, ...]:
    """What the comparison says against the candidate over the experiment and the wait together; empty while nothing."""
    return _against(compare(scrapes, design))


def taken_back(asked: Comparison, breach: str, scrape: int) -> Comparison:
    """The comparison after a breach: the figures of the experiment, and why its verdict does not stand any more.

    Args:
        asked: What said PROMOTE.
        breach: What was breached, in words.
        scrape: Number of the scrape of the run at which it was.
    """
    reasons = reasons_of_breach(breach, asked.verdict, asked.decided_at_scrape)
    return replace(asked, verdict=Verdict.ROLL_BACK, reasons=reasons, decided_at_scrape=scrape)


def reasons_of_breach(breach: str, verdict: str, decided_at: object) -> tuple[str, str]:
    """Why a verdict does not stand any more.

    Args:
        breach: What was breached, in words.
        verdict: What was asked about.
        decided_at: Number of the scrape that it was said at.
    """
    return (
        f"breached while waiting for the approval: {breach}",
        f"until then the verdict was {verdict}, since scrape {decided_at}",
    )


def _against(comparison: Comparison) -> tuple[str, ...]:
    return comparison.reasons if comparison.verdict is Verdict.ROLL_BACK else ()
