import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import nct, norm
from scipy.stats import t as student

from phoenix.domain.decision.sequence import (
    Interval,
    LogRatio,
    Method,
    always_valid_p,
    confidence_interval,
    critical_value,
    log_e_value,
    measure,
)

values = st.lists(st.floats(1.0, 1000.0), min_size=24, max_size=60)


@pytest.mark.parametrize("effective", [8.0, 12.85, 40.0, 400.0])
@pytest.mark.parametrize("alpha", [0.01, 0.025, 0.05])
def test_critical_value_inverts_the_e_value(effective: float, alpha: float) -> None:
    inverse = brentq(lambda t: log_e_value(t, effective) + math.log(alpha), 0, 1e6, xtol=1e-12)

    assert critical_value(effective, alpha) == pytest.approx(inverse, rel=1e-8)
    assert always_valid_p(inverse, effective) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("t", [0.0, 1.0, 3.0])
def test_e_value_is_the_noncentral_t_mixture_of_scipy(t: float) -> None:
    n = 12
    mixture, _ = quad(lambda d: nct.pdf(t, n - 1, math.sqrt(n) * d) * norm.pdf(d), -8, 8)

    assert math.exp(log_e_value(t, n)) == pytest.approx(mixture / student.pdf(t, n - 1), rel=1e-5)


@pytest.mark.parametrize("effective", [0.4, 1.5, 2.0])
def test_too_few_effective_scrapes_have_no_finite_critical_value(effective: float) -> None:
    assert critical_value(effective, 0.05) == math.inf


def test_p_value_is_at_most_one() -> None:
    assert always_valid_p(0.0, 20.0) == 1.0


@given(values, st.randoms(use_true_random=False))
def test_swapping_the_arms_negates_theta(x: list[float], rng: object) -> None:
    baseline, candidate = np.array(x), np.array(sorted(x, key=lambda _: rng.random())) * 0.5
    there = confidence_interval(measure(baseline, candidate, step=1.0), 0.05)
    back = confidence_interval(measure(candidate, baseline, step=1.0), 0.05)

    assert there.lower == pytest.approx(-back.upper, abs=1e-9)
    assert there.upper == pytest.approx(-back.lower, abs=1e-9)


@given(values, st.floats(1e-6, 1e6))
def test_rescaling_both_arms_changes_nothing(x: list[float], scale: float) -> None:
    baseline, candidate = np.array(x), np.array(x[::-1])
    plain = confidence_interval(measure(baseline, candidate, step=1.0), 0.05)
    scaled = confidence_interval(measure(baseline * scale, candidate * scale, step=scale), 0.05)

    assert (scaled.lower, scaled.upper) == pytest.approx((plain.lower, plain.upper), abs=1e-6)


@given(values)
def test_a_smaller_alpha_never_narrows_the_interval(x: list[float]) -> None:
    ratio = measure(np.array(x), np.array(x[::-1]))
    usual, strict = confidence_interval(ratio, 0.05), confidence_interval(ratio, 0.0125)

    if strict.lower is None:
        return  # wider than any interval that says something
    assert strict.lower <= usual.lower <= usual.upper <= strict.upper


def test_p_below_alpha_says_the_same_as_an_interval_without_zero() -> None:
    rng = np.random.default_rng(7)
    baseline = rng.normal(100, 5, 200)
    for shift in np.linspace(0, 6, 40):
        ratio = measure(baseline, rng.normal(100 - shift, 5, 200), step=1.0)
        interval = confidence_interval(ratio, 0.05)
        assert interval.method is Method.CONFIDENCE_SEQUENCE
        assert (interval.p_value < 0.05) == (interval.upper < 0 or interval.lower > 0)


def test_constant_series_leave_the_resolution_band() -> None:
    interval = confidence_interval(measure(np.full(24, 200.0), np.full(24, 100.0), step=1.0), 0.05)

    half = 0.5 * (1 / 200 + 1 / 100)
    assert interval == Interval(
        pytest.approx(math.log(0.5) - half),
        pytest.approx(math.log(0.5) + half),
        Method.RESOLUTION,
        None,
        "no p-value: both variants were constant, the interval is the metric's resolution",
    )


def test_where_the_range_rule_decides_there_is_no_p_value_and_it_says_so() -> None:
    candidate = np.linspace(100, 101, 24)
    interval = confidence_interval(measure(np.full(24, 100.0), candidate), 0.05)

    assert interval.method is Method.RANGE_RULE
    assert interval.upper - interval.lower == pytest.approx(6 * np.ptp(candidate / candidate.mean()))
    assert interval.p_value is None
    assert "heuristic without an alpha" in interval.reason


def test_single_zeros_are_harmless() -> None:
    candidate = np.random.default_rng(8).integers(0, 4, 120).astype(float)

    assert 0 in candidate
    assert confidence_interval(measure(np.full(120, 10.0), candidate), 0.05).upper < 0


@pytest.mark.parametrize(
    ("baseline", "candidate", "reason"),
    [
        ([], [], "has no paired scrape"),
        ([0.0] * 30, [1.0] * 30, "the baseline is zero in all 30 paired scrapes"),
        ([1.0] * 30, [0.0] * 30, "the candidate is zero in all 30 paired scrapes"),
    ],
)
def test_without_a_ratio_there_is_a_reason(
    baseline: list[float], candidate: list[float], reason: str
) -> None:
    ratio = measure(np.array(baseline), np.array(candidate))

    assert ratio == LogRatio(len(baseline), reason=reason)
    assert confidence_interval(ratio, 0.05) == Interval(reason=reason)


def test_before_the_first_look_the_estimate_stands_alone() -> None:
    ratio = measure(np.full(23, 2.0), np.full(23, 1.0))

    assert ratio.theta == pytest.approx(math.log(0.5))
    assert confidence_interval(ratio, 0.05) == Interval(reason="needs 24 scrapes, has 23")


def test_an_interval_too_wide_to_say_anything_is_none() -> None:
    spike = np.zeros(120)
    spike[60] = 1.0
    interval = confidence_interval(measure(np.ones(120), spike), 1e-9)

    assert interval.lower is None
    assert "differ too much" in interval.reason
