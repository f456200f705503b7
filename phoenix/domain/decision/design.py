"""Design: what was fixed before the first scrape, and the comparison must not change."""

from dataclasses import dataclass

from phoenix.domain.criteria import Criterion, Kind

FIRST_LOOK = 24
"""Paired scrapes before an interval is shown or a share is judged: with fewer, the noise cannot be told from its
autocorrelation (statistics: 8), and one late scrape is already more than 5 %."""


@dataclass(frozen=True, slots=True)
class Design:
    """The plan of an experiment.

    Attributes:
        criteria: What is judged; the first is the objective, the others are guardrails.
        warmup: Scrapes 1..warmup are not measured.
        minimum_scrapes: Paired measured scrapes before an interval or a level may decide; the spec holds it >= 24.
        alpha: Two-sided error rate of each interval.
        interval_seconds: Time between scrapes, s.
        hosts: Every host that a scrape must have.
        tau: Autocorrelation time from an A/A calibration, in scrapes; None without one.
        candidate_name: The candidate pipeline, for sentences.
        baseline_name: The baseline pipeline, for sentences.
        has_equal_receivers: Both pipelines are fed by receivers of one configuration, so that they make the same
            number of points of the same processes.
    """

    criteria: tuple[Criterion, ...]
    warmup: int
    minimum_scrapes: int
    alpha: float
    interval_seconds: float
    hosts: tuple[str, ...]
    tau: float | None = None
    candidate_name: str = "candidate"
    baseline_name: str = "baseline"
    has_equal_receivers: bool = True

    @property
    def objective(self) -> Criterion:
        return self.criteria[0]

    @property
    def strict_alpha(self) -> float:
        """What a ROLL_BACK from an interval is held to: alpha / (m + 1) with m relative guardrails (statistics: 9)."""
        relative = sum(c.kind is Kind.MAXIMUM_INCREASE for c in self.criteria)
        return self.alpha / (relative + 1)
