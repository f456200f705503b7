"""How much the mean of autocorrelated residuals is worth: its variance and the effective sample size.

Scrapes autocorrelate, so n of them are worth fewer. Batch means over growing batch lengths show the correlation that
single scrapes hide; the worst length counts, because an error here would make every interval too narrow.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MINIMUM_BATCHES = 14
"""Fewer batch means than this say nothing about their own correlation (statistics: 3)."""

SCALED_MAD = 1.4826
"""Makes the median absolute deviation estimate the standard deviation of normal data."""

SAFETY = 1.25
"""Standard errors added to the lag-1 correlation, whose estimate is too low where it matters (statistics: 3)."""

HIGHEST_CORRELATION = 0.9999

FLAT = 1e-12
"""Relative residuals below this are the rounding of constant data, not noise; constant data has no correlation."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What the residuals say about the error of their mean.

    Attributes:
        effective: n_eff, the number of independent scrapes that would say as much; above 0.
        variance: Variance of the mean, relative units squared; infinite where n_eff <= 1.
    """

    effective: float
    variance: float


def estimate_noise(residuals: Array, tau: float | None = None) -> Noise:
    """Estimate the noise of the mean of `residuals`, at the least favourable batch length.

    Args:
        residuals: Relative residuals, shape (n,), n >= 14, oldest first.
        tau: Autocorrelation time from an A/A calibration, in scrapes; bounds the estimate from the safe side.

    Returns:
        The smallest effective sample size and the largest variance over the batch lengths 1, 2, 4, ...

    References:
        statistics: 3. Batch means: Alexopoulos and Seila, Handbook of Simulation (1998), chapter 7. The bias of the
        lag-1 correlation, -(1 + 3 r) / b: Kendall, Biometrika 41 (1954).
    """
    n = len(residuals)
    effective, variance = math.inf, 0.0
    length = 1
    while n // length >= MINIMUM_BATCHES:
        noise = _noise_of(_batch_means(residuals, length))
        effective, variance = min(effective, noise.effective), max(variance, noise.variance)
        length *= 2
    if tau is not None:
        calibrated = n / tau
        effective = min(effective, calibrated)
        variance = max(variance, variance_of_mean(residuals, calibrated))
    return Noise(effective, variance)


def variance_of_mean(values: Array, effective: float) -> float:
    """Variance of the mean of `values` that are worth `effective` independent ones; infinite for one or fewer.

    With `effective` equal to the number of values it is the squared standard error of the one-sample t test.
    """
    if effective <= 1:
        return math.inf
    deviations = values - values.mean()
    return float(deviations @ deviations) / len(values) / (effective - 1)


def _batch_means(values: Array, length: int) -> Array:
    """Means of consecutive batches; the newest data is kept whole, an incomplete oldest batch is left out."""
    batches = len(values) // length
    return values[len(values) - batches * length :].reshape(batches, length).mean(axis=1)


def _noise_of(means: Array) -> Noise:
    b = len(means)
    r = max(_lag_one(means), _lag_one(_clip_outliers(means)))
    unbiased = _bound((b * r + 1) / (b - 3))
    p = _bound(unbiased + SAFETY * math.sqrt((1 - unbiased**2) / b))
    effective = b * (1 - p) / (1 + p)
    return Noise(effective, variance_of_mean(means, effective))


def _bound(correlation: float) -> float:
    return min(max(correlation, 0.0), HIGHEST_CORRELATION)


def _lag_one(values: Array) -> float:
    deviations = values - values.mean()
    if float(np.abs(deviations).max()) <= FLAT:
        return 0.0
    return float(deviations[:-1] @ deviations[1:] / (deviations @ deviations))


def _clip_outliers(values: Array) -> Array:
    """Clip at the median +- one scaled MAD: rare spikes otherwise hide the correlation of the rest."""
    centre = float(np.median(values))
    scale = SCALED_MAD * float(np.median(np.abs(values - centre)))
    return np.clip(values, centre - scale, centre + scale)
