import math

import numpy as np
import pytest
from scipy.signal import lfilter

from phoenix.domain.decision.noise import FLAT, _batch_means, estimate_noise, variance_of_mean


def test_variance_of_mean_of_independent_values_is_the_squared_standard_error() -> None:
    values = np.random.default_rng(1).normal(size=50)
    from scipy.stats import sem

    assert variance_of_mean(values, 50) == pytest.approx(sem(values) ** 2)


@pytest.mark.parametrize("effective", [0.3, 1.0])
def test_variance_is_unknown_for_one_effective_value(effective: float) -> None:
    assert variance_of_mean(np.arange(5.0), effective) == math.inf


def test_constant_residuals_have_no_correlation_and_no_variance() -> None:
    noise = estimate_noise(np.full(24, 1e-15))

    # r = 0 at b = 24 batches: p = 1/21 + 1.25 sqrt((1 - 1/441) / 24)
    p = 1 / 21 + 1.25 * math.sqrt((1 - 1 / 441) / 24)
    assert noise.effective == pytest.approx(24 * (1 - p) / (1 + p))
    assert noise.variance <= FLAT**2


def test_autocorrelation_lowers_the_effective_sample_size_and_raises_the_variance() -> None:
    white = np.random.default_rng(2).normal(size=480)
    slow = lfilter([1], [1, -0.9], white) * math.sqrt(1 - 0.81)

    assert estimate_noise(slow).effective < estimate_noise(white).effective
    assert estimate_noise(slow).variance > 5 * estimate_noise(white).variance


def test_spikes_do_not_hide_correlation() -> None:
    rng = np.random.default_rng(3)
    slow = lfilter([1], [1, -0.9], rng.normal(size=27))
    spiked = slow.copy()
    spiked[13] += 200

    raw = np.corrcoef(spiked[:-1], spiked[1:])[0, 1]
    assert raw < 0.1
    assert estimate_noise(spiked).effective < 6


def test_the_oldest_incomplete_batch_is_left_out() -> None:
    np.testing.assert_array_equal(_batch_means(np.arange(7.0), 3), [2.0, 5.0])


def test_calibration_bounds_the_effective_sample_size() -> None:
    values = np.random.default_rng(6).normal(size=120)

    calibrated = estimate_noise(values, tau=100.0)
    assert calibrated.effective == pytest.approx(1.2)
    assert calibrated.variance == pytest.approx(values.var() / 0.2)


def test_calibration_never_sharpens() -> None:
    values = np.random.default_rng(6).normal(size=120)

    assert estimate_noise(values, tau=1.0) == estimate_noise(values)
