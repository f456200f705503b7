"""Seeded A/A runs: both variants the same, somebody looks all the time, and a difference must hardly ever be claimed.

The classical tests call a difference in 45 to 100 % of such runs (specification of the method, first paragraph).
"""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from phoenix.domain.decision.sequence import confidence_interval, measure


def autoregressive(rng: np.random.Generator, rho: float, n: int) -> np.ndarray:
    """Unit variance AR(1) in its stationary state."""
    start = rng.normal()
    shocks = rng.normal(size=n) * math.sqrt(1 - rho**2)
    return lfilter([1], [1, -rho], shocks, zi=[rho * start])[0]


def false_decisions(rho: float, runs: int, scrapes: int, every: int) -> int:
    rng = np.random.default_rng(int(100 * rho))
    return sum(_is_fooled(rng, rho, scrapes, every) for _ in range(runs))


def _is_fooled(rng: np.random.Generator, rho: float, scrapes: int, every: int) -> bool:
    shared = 5 * autoregressive(rng, rho, scrapes)
    baseline, candidate = (100 + shared + 5 * autoregressive(rng, rho, scrapes) for _ in range(2))
    for n in range(24, scrapes + 1, every):
        interval = confidence_interval(measure(baseline[:n], candidate[:n]), 0.05)
        if interval.lower is not None and (interval.lower > 0 or interval.upper < 0):
            return True
    return False


def bound(runs: int) -> float:
    """Five percent and three standard errors of so many runs."""
    return runs * (0.05 + 3 * math.sqrt(0.05 * 0.95 / runs))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_false_decisions_stay_below_alpha(rho: float) -> None:
    assert false_decisions(rho, runs=30, scrapes=360, every=8) <= bound(30)


@pytest.mark.soak
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.97])
def test_false_decisions_stay_below_alpha_over_1440_scrapes(rho: float) -> None:
    assert false_decisions(rho, runs=300, scrapes=1440, every=4) <= bound(300)
