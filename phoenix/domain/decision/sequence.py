"""The anytime-valid confidence sequence for the log ratio of two paired, autocorrelated series.

People look at every scrape and stop when they like what they see. An interval of this sequence may be looked at each
time: it is the set of effects against which an e-value has not reached 1/alpha, and the chance that an e-value ever
does so against the truth is at most alpha (Ville's inequality).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from phoenix.domain.decision.design import FIRST_LOOK
from phoenix.domain.decision.noise import FLAT, Array, Noise, estimate_noise

LEAST_EFFECTIVE = 1.5
"""Below this many effective scrapes no finite critical value is trusted (statistics: 4)."""

RANGE_FACTOR = 3.0
"""The range rule: a half-width of three times the range of the residuals, a heuristic without an alpha."""

WIDEST = 50.0
"""A half-width of a factor e^50 is no statement, and its exponential would overflow soon after."""


class Method(StrEnum):
    """What gave the half-width of an interval."""

    CONFIDENCE_SEQUENCE = "confidence_sequence"
    """The critical value: holds at every look with 1 - alpha."""
    RANGE_RULE = "range_rule"
    """Three times the range of the residuals: a heuristic without an alpha."""
    RESOLUTION = "resolution"
    """Both variants were constant: only the metric's smallest step is left."""


METHOD_NOTES = {
    Method.CONFIDENCE_SEQUENCE: "",
    Method.RANGE_RULE: "no p-value: the range rule gave the interval, a heuristic without an alpha",
    Method.RESOLUTION: "no p-value: both variants were constant, the interval is the metric's resolution",
}
"""Why an interval has no p-value; empty where it has one."""


@dataclass(frozen=True, slots=True)
class LogRatio:
    """theta = log(sum of candidate / sum of baseline) and what is known of its error.

    Attributes:
        n: Paired scrapes.
        theta: The estimate; None where it cannot be computed.
        noise: Noise of the residuals' mean; None before 24 scrapes or without theta.
        spread: Range of the residuals, largest minus smallest.
        band: Half-width of the resolution band.
        reason: Why theta or the noise is missing; "" otherwise.
    """

    n: int
    theta: float | None = None
    noise: Noise | None = None
    spread: float = 0.0
    band: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """The sequence's interval for theta at one look.

    Attributes:
        lower: Lower bound of the log ratio; None where it cannot be computed.
        upper: Upper bound of the log ratio; None where it cannot be computed.
        method: What gave the half-width; None without bounds.
        p_value: Always-valid p-value against theta = 0; None where no alpha stands behind the interval.
        reason: Why the bounds or the p-value are missing; "" otherwise.
    """

    lower: float | None = None
    upper: float | None = None
    method: Method | None = None
    p_value: float | None = None
    reason: str = ""


def measure(baseline: Array, candidate: Array, step: float = 0.0, tau: float | None = None) -> LogRatio:
    """Estimate the log ratio of the candidate to the baseline.

    Args:
        baseline: Shape (n,), one value a paired scrape, oldest first, in the metric's unit, finite.
        candidate: Shape (n,), as `baseline`.
        step: The metric's smallest difference, in its unit.
        tau: Autocorrelation time from an A/A calibration, in scrapes.

    References:
        statistics: 1, 2, 5. Delta method for a ratio of means: Cochran, Sampling Techniques (1977), 6.3.
    """
    n = len(baseline)
    if n == 0:
        return LogRatio(n, reason="has no paired scrape")
    mean_baseline, mean_candidate = float(baseline.mean()), float(candidate.mean())
    if mean_baseline <= 0 or mean_candidate <= 0:
        zero = "the baseline" if mean_baseline <= 0 else "the candidate"
        return LogRatio(n, reason=f"{zero} is zero in all {n} paired scrapes")
    theta = math.log(mean_candidate / mean_baseline)
    if n < FIRST_LOOK:
        return LogRatio(n, theta, reason=f"needs {FIRST_LOOK} scrapes, has {n}")
    residuals = candidate / mean_candidate - baseline / mean_baseline
    band = 0.5 * step * (1 / mean_baseline + 1 / mean_candidate)
    return LogRatio(n, theta, estimate_noise(residuals, tau), float(np.ptp(residuals)), band)


def confidence_interval(ratio: LogRatio, alpha: float) -> Interval:
    """The interval for theta that may be looked at after every scrape.

    References:
        statistics: 4, 5.
    """
    if ratio.theta is None or ratio.noise is None:
        return Interval(reason=ratio.reason)
    half, method = _half_width(ratio.noise, ratio.spread, alpha)
    half += ratio.band
    if half > WIDEST:
        return Interval(
            reason=f"the values differ too much between scrapes for an interval ({ratio.n} scrapes)"
        )
    p_value = None
    if method is Method.CONFIDENCE_SEQUENCE:
        # The resolution band comes off first, so that p < alpha says the same as an interval without zero.
        distance = max(abs(ratio.theta) - ratio.band, 0.0)
        p_value = always_valid_p(distance / math.sqrt(ratio.noise.variance), ratio.noise.effective)
    return Interval(ratio.theta - half, ratio.theta + half, method, p_value, METHOD_NOTES[method])


def _half_width(noise: Noise, spread: float, alpha: float) -> tuple[float, Method]:
    if spread <= FLAT:
        return 0.0, Method.RESOLUTION
    by_range = RANGE_FACTOR * spread
    critical = critical_value(noise.effective, alpha)
    if math.isfinite(critical) and critical * math.sqrt(noise.variance) < by_range:
        return critical * math.sqrt(noise.variance), Method.CONFIDENCE_SEQUENCE
    return by_range, Method.RANGE_RULE


def critical_value(effective: float, alpha: float) -> float:
    """The |t| at which the e-value reaches 1 / alpha; infinite where it never does.

    Args:
        effective: Effective sample size.
        alpha: Two-sided error rate, in (0, 1).

    References:
        statistics: 4.
    """
    if effective <= LEAST_EFFECTIVE:
        return math.inf
    r = 1 + effective
    a = (math.sqrt(r) / alpha) ** (2 / effective)
    if a >= r:
        return math.inf
    return math.sqrt((effective - 1) * (a - 1) / (1 - a / r))


def log_e_value(t: float, effective: float) -> float:
    """Log of the evidence of Student's t with a unit-information prior against no effect; 0 is none.

    A logarithm, for the e-value itself exceeds what a float holds from 250 effective scrapes on.

    Args:
        t: The estimate over its standard error.
        effective: Effective sample size, above 1.

    References:
        statistics: 4; the scale-invariant Bayes factor of Rouder et al., Psychonomic Bulletin & Review 16 (2009), with
        a normal prior on the effect size; as an e-process: Wang and Ramdas, Anytime-valid t-tests (2024).
    """
    r, nu = 1 + effective, effective - 1
    log_ratio = math.log1p(t * t / nu) - math.log1p(t * t / (r * nu))
    return effective / 2 * log_ratio - math.log(r) / 2


def always_valid_p(t: float, effective: float) -> float:
    """The always-valid p-value: the inverse of the e-value, at most 1 (a p-value is never evidence for no effect)."""
    return math.exp(min(0.0, -log_e_value(t, effective)))
