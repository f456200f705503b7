"""What the tested hosts say about hosts that were not tested: Student's t over per-host log ratios.

It is no sequence: looked at again and again it errs (statistics: known limits), so it is computed once, at the verdict.
"""

import math
from dataclasses import dataclass

import numpy as np

from phoenix.domain.decision.noise import Array, variance_of_mean

MINIMUM_HOSTS = 3
"""Two hosts give a spread with one degree of freedom, which excludes nothing."""


@dataclass(frozen=True, slots=True)
class StudentInterval:
    """A classical two-sided interval for a mean.

    Attributes:
        mean: The estimate.
        lower: Lower bound.
        upper: Upper bound.
        t: The estimate over its standard error; infinite, with its sign, where all values are equal.
        p_value: Two-sided, against a mean of zero; valid for one look.
    """

    mean: float
    lower: float
    upper: float
    t: float
    p_value: float


def host_log_ratios(baseline: Array, candidate: Array) -> Array | None:
    """Per-host log(sum of candidate / sum of baseline).

    Args:
        baseline: Shape (hosts, n), in the metric's unit.
        candidate: Shape (hosts, n), as `baseline`.

    Returns:
        Shape (hosts,); None where a host has no data or only zeros on a side.
    """
    sums = baseline.sum(axis=1), candidate.sum(axis=1)
    if min(float(side.min()) for side in sums) <= 0:
        return None
    return np.log(sums[1] / sums[0])


def student_interval(values: Array, alpha: float) -> StudentInterval:
    """One-sample t interval.

    Args:
        values: Shape (n,), n >= 2.
        alpha: Two-sided error rate.

    References:
        `scipy.stats.ttest_1samp`; only its distribution is imported, and late: importing it takes a third of a second.
    """
    from scipy.special import stdtr, stdtrit

    n = len(values)
    mean, error = float(values.mean()), math.sqrt(variance_of_mean(values, n))
    half = float(stdtrit(n - 1, 1 - alpha / 2)) * error
    t = mean / error if error > 0 else math.copysign(math.inf, mean)
    return StudentInterval(mean, mean - half, mean + half, t, 2 * float(stdtr(n - 1, -abs(t))))
