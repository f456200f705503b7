from collections.abc import Callable
from dataclasses import replace

import pytest

from phoenix.domain.decision.effects import measure_ratios
from phoenix.domain.decision.pairing import open_window
from phoenix.domain.decision.validity import check_validity
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant
from tests.domain.runs import WARMUP, candidate_values, candidate_with, design, healthy, run


def faults(scrapes: list[Scrape], **changes: object) -> tuple[str, ...]:
    plan = design(**changes)
    window = open_window(scrapes, plan)
    validity = check_validity(window, plan, dict(measure_ratios(window, plan).pairs))
    assert validity.valid is not bool(validity.reasons)
    return validity.reasons


def without_candidate(measured: int, *places: int) -> list[Scrape]:
    return [replace(s, candidate=None) if s.number - WARMUP in places else s for s in run(measured)]


def without(measured: int, *places: int) -> list[Scrape]:
    return [s for s in run(measured) if s.number - WARMUP not in places]


def test_a_healthy_run_is_valid() -> None:
    assert faults(run(120)) == ()


def test_an_empty_run_has_no_fault() -> None:
    assert faults([]) == ()


@pytest.mark.parametrize(
    ("arm", "fault"),
    [
        (
            candidate_with(points_received=lambda n: 940.0 * n),
            (
                "the variants did not receive the same input on web: the baseline 29000 points, the candidate 27260,"
                " more than 5.0 % apart"
            ),
        ),
        (candidate_with(points_received=lambda n: 960.0 * n), None),
        (
            candidate_with(points_received=None),
            "received points were not read of both variants on web: nothing shows that their input was the same",
        ),
        (
            candidate_with(cpu_seconds=lambda n: n * 0.1 if n < 20 else (n - 19) * 0.1),
            "the candidate's collector on web restarted: its counters fell at scrape 20",
        ),
        (
            candidate_with(cpu_seconds=lambda n: None if n == 20 else n * 0.1),
            None,
        ),
        (
            candidate_with(throttled_periods=lambda n: 2 if n > 9 else 0),
            "the candidate's collector on web was throttled in 2 CPU periods",
        ),
        (candidate_with(throttled_periods=7), None),
        (candidate_with(throttled_periods=None), None),
        (
            candidate_with(export_age_seconds=lambda n: 2.6 if n in (9, 19) else 0.5),
            "the candidate on web exported nothing newer than 2.5 s in 2 of 30 scrapes, at most 5.0 % may be so old",
        ),
        (candidate_with(export_age_seconds=lambda n: 2.6 if n == 9 else 0.5), None),
        (
            candidate_with(export_age_seconds=None),
            "the candidate on web exported nothing newer than 2.5 s in 30 of 30 scrapes, at most 5.0 % may be so old",
        ),
        (
            candidate_values({Metric.CPU_COVERAGE: 1.06}),
            "the candidate's CPU coverage on web is 106.0 %: above 105.0 % something is counted twice",
        ),
        (candidate_values({Metric.MEMORY_COVERAGE: 1.04}), None),
        (
            candidate_with(values={}),
            "series was missing in 30 of 30 scrapes, at most 5.0 % may be",
        ),
    ],
)
def test_each_check(arm: object, fault: str | None) -> None:
    assert faults(run(30, arm)) == ((fault,) if fault else ())


def test_points_that_fell_are_a_restart_too() -> None:
    arm = candidate_with(points_received=lambda n: n * 1000.0 if n < 30 else (n - 29) * 1000.0)

    assert "the candidate's collector on web restarted: its counters fell at scrape 30" in faults(
        run(30, arm)
    )


def test_collectors_that_receive_nothing_have_no_common_input() -> None:
    def arm(number: int, variant: Variant) -> ArmSample:
        return replace(healthy(number, variant), points_received=0.0)

    assert faults(run(30, arm)) == ("a variant received no point on web: the baseline 0, the candidate 0",)


@pytest.mark.parametrize(("jump", "is_fault"), [(0.6, True), (-0.6, True), (0.4, False)])
def test_a_clock_that_jumps_by_half_an_interval_is_a_fault_at_once(jump: float, is_fault: bool) -> None:
    scrapes = [replace(s, wall_seconds=s.wall_seconds + jump * (s.number > 5)) for s in run(9)]

    expected = (f"the clock of web jumped by {jump:+.1f} s at scrape 6",) if is_fault else ()
    assert faults(scrapes) == expected


def test_more_than_five_percent_dropped() -> None:
    assert faults(without(40, 5, 15)) == ()
    assert faults(without(40, 5, 15, 25)) == (
        "3 of 40 scrapes could not be paired, at most 5.0 % may be dropped",
    )


def test_one_variant_missing_more_often_than_the_other() -> None:
    assert faults(without_candidate(120, 5)) == ()
    assert faults(without_candidate(120, 5, 15)) == (
        (
            "one variant was missing more often than the other: the baseline alone in 0, the candidate alone in 2"
            " of 120 scrapes"
        ),
    )


def test_shares_are_not_judged_from_a_handful_of_scrapes() -> None:
    scrapes = without_candidate(23, 5, 6, 7)

    assert faults(scrapes) == ()
    assert faults(run(10, candidate_with(export_age_seconds=None, points_received=None))) == ()


def test_coverage_above_the_highest_within_its_slack_is_no_fault() -> None:
    def arm(number: int, variant: Variant) -> ArmSample:
        sample = candidate_values({Metric.CPU_COVERAGE: 1.08})(number, variant)
        return replace(sample, coverage_slack=0.04)

    assert faults(run(30, arm)) == ()


def test_coverage_is_not_judged_before_the_minimum() -> None:
    assert faults(run(30, candidate_values({Metric.CPU_COVERAGE: 3.0})), minimum_scrapes=31) == ()


def test_a_host_that_was_never_read_drops_every_scrape() -> None:
    reasons = faults(run(30), hosts=("web", "db"))

    assert reasons[0] == "30 of 30 scrapes could not be paired, at most 5.0 % may be dropped"


def test_received_points_are_compared_where_both_arms_were_read() -> None:
    scrapes = run(60)
    scrapes[WARMUP] = replace(scrapes[WARMUP], baseline=None)
    assert faults(scrapes) == ()


def receiving(rate: Callable[[int, Variant], float]) -> list[Scrape]:
    """A run whose arms have received `rate(number, variant)` points by each scrape."""
    return run(60, lambda number, v: replace(healthy(number, v), points_received=rate(number, v)))


def test_receivers_that_are_configured_apart_may_make_different_points_of_the_same_processes() -> None:
    scrapes = receiving(lambda n, v: n * (1000.0 if v is Variant.BASELINE else 1375.0))
    assert "did not receive the same input" in faults(scrapes)[0]
    assert faults(scrapes, has_equal_receivers=False) == ()


def test_receivers_that_are_configured_apart_must_not_drift() -> None:
    scrapes = receiving(
        lambda n, v: n * 1000.0 if v is Variant.BASELINE else n * 1375.0 + max(0, n - 30) * 300.0
    )
    assert "drifted apart" in faults(scrapes, has_equal_receivers=False)[0]
