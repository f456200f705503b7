import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from phoenix.domain.decision.effects import fleet_effect
from phoenix.domain.decision.fleet import host_log_ratios, student_interval
from phoenix.domain.decision.pairing import Pairs

# R: data(sleep), extra hours of sleep of ten patients under two drugs (Student 1908).
SLEEP_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_student_interval_gives_the_published_values_of_r_sleep() -> None:
    found = student_interval(SLEEP_1 - SLEEP_2, 0.05)

    assert found.t == pytest.approx(-4.0621, abs=5e-5)
    assert found.p_value == pytest.approx(0.002833, abs=5e-7)
    assert (found.mean, found.lower, found.upper) == pytest.approx((-1.58, -2.4598858, -0.7001142), abs=5e-8)


def test_student_interval_agrees_with_scipy() -> None:
    logs = np.random.default_rng(1).normal(-0.4, 0.1, 6)
    oracle = ttest_1samp(logs, 0)
    found = student_interval(logs, 0.1)

    assert (found.t, found.p_value) == pytest.approx((oracle.statistic, oracle.pvalue))
    assert (found.lower, found.upper) == pytest.approx(tuple(oracle.confidence_interval(0.9)))


def test_equal_hosts_leave_a_point() -> None:
    found = student_interval(np.full(3, -1.0), 0.05)

    assert (found.lower, found.upper, found.t, found.p_value) == (-1.0, -1.0, -math.inf, 0.0)


def test_a_host_without_data_or_with_zeros_leaves_no_log_ratio() -> None:
    assert host_log_ratios(np.ones((3, 0)), np.ones((3, 0))) is None
    assert host_log_ratios(np.ones((3, 2)), np.array([[1.0, 1], [0, 0], [1, 1]])) is None


def test_fleet_needs_three_hosts() -> None:
    assert fleet_effect(Pairs(np.ones((2, 9)), np.ones((2, 9)), 0), 0.05) is None


def test_fleet_effect_is_the_reduction_over_hosts() -> None:
    baseline = np.full((3, 4), 100.0)
    candidate = np.array([[40.0] * 4, [50.0] * 4, [60.0] * 4])
    effect = fleet_effect(Pairs(baseline, candidate, 0), 0.05)

    assert effect.estimate == pytest.approx(1 - (0.4 * 0.5 * 0.6) ** (1 / 3))
    assert effect.lower < effect.estimate < effect.upper < 1
    assert (effect.method, effect.n) == ("student_t", 3)
