"""The verdict: a total, ordered fold. The first row that applies decides.

| | Evidence | Verdict |
|---|---|---|
| 1 | a critical process lost, even in an invalid or short run | ROLL_BACK |
| 2 | the run is invalid, or has fewer paired scrapes than the minimum | INCONCLUSIVE |
| 3 | a guardrail breached or proven outside, or the objective proven below its minimum | ROLL_BACK |
| 4 | the objective met, every guardrail inside, nothing missing | PROMOTE |
| 5 | anything else | INCONCLUSIVE, every open inequality in numbers |

Missing data never promotes: no criterion at all, or one without data, is row 5.
"""

from dataclasses import dataclass
from enum import StrEnum

from phoenix.domain.criteria import Kind, Role
from phoenix.domain.decision.judgement import CriterionResult


class Verdict(StrEnum):
    """What the experiment says about replacing the baseline by the candidate."""

    PROMOTE = "PROMOTE"
    ROLL_BACK = "ROLL_BACK"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the verdict depends on, as sentences and judged criteria.

    Attributes:
        lost: One sentence for each lost critical process.
        invalid: Why the run is invalid.
        shortage: What is missing to the minimum of scrapes; "" with enough.
        criteria: The judged criteria, the objective first.
        gaps: What is missing for a promotion though no criterion asks for it.
    """

    lost: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    shortage: str = ""
    criteria: tuple[CriterionResult, ...] = ()
    gaps: tuple[str, ...] = ()


def conclude(evidence: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """Fold the evidence into a verdict and its reasons, in the order of the module's table.

    References:
        statistics: 9.
    """
    if evidence.lost:
        return Verdict.ROLL_BACK, evidence.lost
    still_open = tuple(c.reason for c in evidence.criteria if c.passed is None)
    if evidence.invalid or evidence.shortage:
        shortage = (evidence.shortage,) if evidence.shortage else ()
        return Verdict.INCONCLUSIVE, _distinct(evidence.invalid + shortage + still_open + evidence.gaps)
    failed = tuple(_failure(c) for c in evidence.criteria if c.passed is False)
    if failed:
        return Verdict.ROLL_BACK, failed
    if evidence.criteria and not still_open and not evidence.gaps:
        return Verdict.PROMOTE, tuple(c.reason for c in evidence.criteria)
    return Verdict.INCONCLUSIVE, _distinct(still_open + evidence.gaps)


def _failure(result: CriterionResult) -> str:
    if result.criterion.role is Role.OBJECTIVE:
        return f"objective proven below its minimum: {result.reason}"
    if result.criterion.kind is Kind.MAXIMUM_INCREASE:
        return f"guardrail proven outside its limit: {result.reason}"
    return f"guardrail breached: {result.reason}"


def _distinct(reasons: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))
