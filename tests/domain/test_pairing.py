from dataclasses import replace

import numpy as np
import pytest

from phoenix.domain.decision.pairing import open_window, pair
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant
from tests.domain.runs import WARMUP, candidate_values, design, healthy, run, scrape

TWO = design(hosts=("web", "db"))


def two_hosts(measured: int) -> list[Scrape]:
    return run(measured, host="web") + run(measured, host="db")


def test_warm_up_is_not_measured() -> None:
    window = open_window(run(4), design())

    assert (window.paired_scrapes, window.expected, window.last_number) == (4, 4, WARMUP + 4)
    assert [r.number for r in window.readings["web", Variant.BASELINE]] == [4, 5, 6, 7]


def test_hosts_are_kept_apart_in_the_order_of_the_design() -> None:
    scrapes = run(2, host="web") + run(2, candidate_values({Metric.SERIES: 7.0}), host="db")
    pairs = pair(open_window(scrapes, TWO), Metric.SERIES)

    np.testing.assert_array_equal(pairs.candidate, [[20.0, 20.0], [7.0, 7.0]])
    np.testing.assert_array_equal(pairs.baseline.sum(axis=0), [200.0, 200.0])


def test_a_scrape_that_lacks_a_host_is_dropped_for_all() -> None:
    scrapes = [s for s in two_hosts(5) if (s.number, s.host) != (WARMUP + 2, "db")]
    window = open_window(scrapes, TWO)

    assert (window.paired_scrapes, window.dropped) == (4, 1)
    assert pair(window, Metric.SERIES).baseline.shape == (2, 4)


@pytest.mark.parametrize("broken", [None, ArmSample(error="connection refused")])
def test_one_sided_missing_is_counted_by_variant(broken: ArmSample | None) -> None:
    scrapes = run(5)
    scrapes[-2] = replace(scrapes[-2], candidate=broken)
    window = open_window(scrapes, design())

    assert window.missing == {Variant.BASELINE: 0, Variant.CANDIDATE: 1}
    assert (window.paired_scrapes, window.dropped) == (4, 1)


def test_a_scrape_missing_in_both_arms_equals_not_having_it() -> None:
    scrapes = run(5)
    gap = scrapes[:5] + scrapes[6:]
    empty = [*gap, replace(scrapes[5], baseline=None, candidate=ArmSample(error="timeout"))]

    assert open_window(empty, design()) == open_window(gap, design())


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_metric_without_a_finite_value_is_lacking_only_itself(value: float | None) -> None:
    scrapes = run(5)
    values = dict(healthy(8, Variant.CANDIDATE).values)
    values.pop(Metric.SERIES)
    if value is not None:
        values[Metric.SERIES] = value
    scrapes[-1] = replace(scrapes[-1], candidate=replace(scrapes[-1].candidate, values=values))
    window = open_window(scrapes, design())

    assert pair(window, Metric.SERIES).lacking == 1
    assert pair(window, Metric.COLLECTOR_CPU_CORES).lacking == 0


def test_order_and_foreign_hosts_do_not_matter_and_the_later_duplicate_counts() -> None:
    scrapes = run(5)
    later = scrape(8, candidate_values({Metric.SERIES: 9.0}))
    window = open_window([*reversed(scrapes), *run(5, host="elsewhere"), later], design())

    np.testing.assert_array_equal(pair(window, Metric.SERIES).candidate, [[20, 20, 20, 20, 9]])


def test_nothing_measured_is_an_empty_window() -> None:
    window = open_window([], TWO)

    assert (window.expected, window.last_number, window.dropped) == (0, 0, 0)
    assert pair(window, Metric.SERIES).baseline.shape == (2, 0)
