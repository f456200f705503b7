import numpy as np
import pytest

from phoenix.domain.decision.levels import Level, levels_of, worst_minute_of_counter, worst_minute_of_values
from phoenix.domain.decision.pairing import open_window
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import Variant
from tests.domain.runs import WARMUP, candidate_values, candidate_with, design, healthy, run


def level(metric: Metric, arm: object = healthy, measured: int = 30) -> tuple[Level, ...] | None:
    return levels_of(open_window(run(measured, arm), design()), metric, Variant.CANDIDATE)


def test_a_window_shorter_than_a_minute_is_one_window() -> None:
    at = np.arange(30.0)

    assert worst_minute_of_values(at, at) == pytest.approx(14.5)
    assert worst_minute_of_counter(at, 2 * at) == pytest.approx(2.0)


def test_worst_minute_of_values_is_the_largest_rolling_mean() -> None:
    at = np.arange(0.0, 600.0, 5.0)
    values = np.ones(120)
    values[50:63] = 3.0  # 13 scrapes 5 s apart span exactly a minute

    assert worst_minute_of_values(at, values) == pytest.approx(3.0)
    assert worst_minute_of_values(at, values + np.where(at == 300, 13, 0)) == pytest.approx(4.0)


def test_worst_minute_of_a_counter_needs_a_whole_minute() -> None:
    at = np.arange(0.0, 300.0)
    rate = np.where((at >= 100) & (at < 130), 2.0, 0.0)
    counter = np.concatenate(([0.0], np.cumsum(rate[:-1])))

    assert worst_minute_of_counter(at, counter) == pytest.approx(1.0)


def test_cpu_is_the_counters_growth_over_time_and_not_the_mean_of_the_rates() -> None:
    arm = candidate_with(cpu_seconds=lambda number: 0.25 * number, values={Metric.COLLECTOR_CPU_CORES: 9.0})

    assert level(Metric.COLLECTOR_CPU_CORES, arm) == (Level("web", pytest.approx(0.25), pytest.approx(0.25)),)


@pytest.mark.parametrize(
    "counter",
    [
        lambda _: None,
        lambda number: 1.0 if number == WARMUP + 1 else None,
        lambda number: number % 20 * 0.1,
    ],
    ids=["never read", "read once", "fell"],
)
def test_without_a_whole_counter_cpu_is_missing(counter: object) -> None:
    assert level(Metric.COLLECTOR_CPU_CORES, candidate_with(cpu_seconds=counter)) is None


def test_two_readings_at_the_same_moment_give_no_rate() -> None:
    from dataclasses import replace

    scrapes = [replace(s, at_seconds=1.0) for s in run(5)]
    window = open_window(scrapes, design())

    assert levels_of(window, Metric.COLLECTOR_CPU_CORES, Variant.CANDIDATE) is None


def test_memory_is_the_mean_of_the_values() -> None:
    assert level(Metric.COLLECTOR_MEMORY_BYTES) == (Level("web", 50e6, 50e6),)


def test_coverage_is_cumulative_so_the_last_value_is_the_fact() -> None:
    arm = candidate_with(values=lambda number: {Metric.CPU_COVERAGE: number / 100})

    assert level(Metric.CPU_COVERAGE, arm) == (Level("web", 0.33, 0.33),)


def test_a_host_without_data_leaves_no_fact() -> None:
    window = open_window(run(30), design(hosts=("web", "db")))

    assert levels_of(window, Metric.COLLECTOR_MEMORY_BYTES, Variant.CANDIDATE) is None


def test_a_value_that_is_not_finite_is_missing() -> None:
    assert level(Metric.VALUE_ERROR, candidate_values({Metric.VALUE_ERROR: float("nan")})) is None
