"""The intervals quoted in the specification for real collectors, and the A/A run that must never show a difference."""

import math

import pytest

from phoenix.domain.decision.sequence import Method, confidence_interval, measure
from tests.domain.runs import trace


def reduction(name: str, column: str, n: int, step: float = 0.0) -> tuple[float, float, float, Method | None]:
    baseline, other = trace(name, column)
    ratio = measure(baseline[:n], other[:n], step)
    interval = confidence_interval(ratio, 0.05)
    return (
        -math.expm1(ratio.theta),
        -math.expm1(interval.upper),
        -math.expm1(interval.lower),
        interval.method,
    )


@pytest.mark.parametrize(
    ("n", "lower", "upper", "method"),
    [
        (24, 0.908, 0.946, Method.RANGE_RULE),
        (120, 0.927, 0.932, Method.CONFIDENCE_SEQUENCE),
        (240, 0.880, 0.959, Method.RANGE_RULE),
    ],
)
def test_series_cut_of_topk(n: int, lower: float, upper: float, method: Method) -> None:
    found = reduction("baseline_topk", "series", n, step=1.0)

    assert found[0] == pytest.approx(0.929, abs=6e-4)
    assert found[1:3] == pytest.approx((lower, upper), abs=6e-4)
    assert found[3] is method


@pytest.mark.parametrize(
    ("name", "n", "lower", "upper", "places"),
    [
        ("baseline_topk", 120, 0.546, 0.617, 3),
        ("baseline_topk", 240, 0.48, 0.70, 2),
        ("baseline_baseline", 120, 0.924, 1.065, 3),
        ("baseline_baseline", 394, 0.971, 1.013, 3),
    ],
)
def test_cpu_ratio(name: str, n: int, lower: float, upper: float, places: int) -> None:
    _, low_cut, high_cut, method = reduction(name, "cpu", n)

    assert (1 - high_cut, 1 - low_cut) == pytest.approx((lower, upper), abs=0.6 * 10**-places)
    assert method is Method.CONFIDENCE_SEQUENCE


def test_slow_drift_makes_the_method_give_up_on_cpu() -> None:
    _, low_cut, high_cut, method = reduction("baseline_topk", "cpu", 454)

    assert method is Method.RANGE_RULE
    assert low_cut < 0 < high_cut


@pytest.mark.parametrize(("column", "step"), [("cpu", 0.0), ("series", 1.0)])
def test_baseline_against_itself_shows_a_difference_at_none_of_370_looks(column: str, step: float) -> None:
    looks = [reduction("baseline_baseline", column, n, step) for n in range(25, 395)]

    assert len(looks) == 370
    assert not [look for look in looks if look[1] > 0 or look[2] < 0]


def test_baseline_against_itself_shows_no_difference_in_memory() -> None:
    looks = [reduction("baseline_baseline", "rss", n) for n in range(25, 395)]

    assert not [look for look in looks if look[1] > 0 or look[2] < 0]
