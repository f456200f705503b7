"""Criteria: what is judged, by which inequality, against which limit."""

from dataclasses import dataclass
from enum import StrEnum

from phoenix.domain.metrics import NATURES, Metric


class Role(StrEnum):
    """An experiment has one objective; every other criterion guards."""

    OBJECTIVE = "objective"
    GUARDRAIL = "guardrail"


class Kind(StrEnum):
    """The inequality of a criterion; the value is its key in a spec."""

    MINIMUM_REDUCTION = "minimumReduction"
    """The candidate's reduction 1 - y/x against the baseline is at least the limit; judged by an interval."""
    MAXIMUM_INCREASE = "maximumIncrease"
    """The candidate's increase y/x - 1 against the baseline is at most the limit; judged by an interval."""
    MINIMUM = "minimum"
    """The candidate's level in the measured window is at least the limit; a fact."""
    MAXIMUM = "maximum"
    """The candidate's level in the measured window is at most the limit; a fact."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One inequality.

    Attributes:
        metric: What is judged.
        role: Objective or guardrail.
        kind: Which inequality.
        limit: Its right-hand side, in the metric's unit for a level, as a fraction for a ratio.
    """

    metric: Metric
    role: Role
    kind: Kind
    limit: float


def allowed_kinds(metric: Metric) -> tuple[Kind, ...]:
    """The guardrail inequalities that a metric may stand in; empty for a metric that is only reported."""
    nature = NATURES[metric]
    kinds = (
        (Kind.MINIMUM, nature.is_floor),
        (Kind.MAXIMUM, nature.is_ceiling),
        (Kind.MAXIMUM_INCREASE, nature.is_ratio_judged),
    )
    return tuple(kind for kind, allowed in kinds if allowed)
