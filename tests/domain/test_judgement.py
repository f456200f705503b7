"""Each kind of criterion, as the sentence that people read."""

from dataclasses import replace

import numpy as np
import pytest

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.comparison import CriterionResult, compare
from phoenix.domain.decision.phrases import NAMES, name_of, percent, quantity
from phoenix.domain.metrics import NATURES, Metric
from phoenix.domain.samples import ArmSample, Variant
from tests.domain.runs import (
    KEEP_CRITICAL,
    candidate_values,
    candidate_with,
    design,
    guardrail,
    healthy,
    missing_candidate,
    run,
)

CPU, MEMORY = Metric.COLLECTOR_CPU_CORES, Metric.COLLECTOR_MEMORY_BYTES


def noisy_series(reduction: float) -> object:
    noise = np.random.default_rng(1).normal(0, 0.05, (2, 400))

    def arm(number: int, variant: Variant) -> ArmSample:
        side = list(Variant).index(variant)
        mean = 100 * (1 - reduction) if side else 100
        return ArmSample(
            {Metric.SERIES: mean * (1 + noise[side, number])},
            points_received=number * 100.0,
            export_age_seconds=0.5,
        )

    return arm


def objective(arm: object, measured: int = 120) -> CriterionResult:
    return compare(run(measured, arm), design()).criteria[0]


def judged(criterion: object, arm: object, measured: int = 120, **changes: object) -> CriterionResult:
    return compare(run(measured, arm), design(criterion, **changes)).criteria[1]


def test_objective_met() -> None:
    found = objective(noisy_series(0.9))

    assert found.passed is True
    assert found.reason == (
        f"series cut by {percent(found.value)} [{percent(found.lower)}, {percent(found.upper)}],"
        " at least 50.0 % wanted"
    )


def test_objective_open_says_which_bound_must_reach_what() -> None:
    found = objective(noisy_series(0.5))

    assert found.passed is None
    assert found.lower < 0.5 < found.upper
    assert found.reason.endswith("at least 50.0 % wanted: the lower bound must reach 50.0 %")


def test_objective_proven_below() -> None:
    found = objective(noisy_series(0.2))

    assert found.passed is False
    assert found.upper < 0.5


def test_objective_on_the_range_rule_says_so() -> None:
    arm = candidate_with(values=lambda number: {Metric.SERIES: 20.0 + 0.01 * number})

    assert "] by the range rule, at least" in objective(arm).reason


def test_objective_without_interval_gives_the_reason() -> None:
    found = objective(candidate_values({Metric.SERIES: 0.0}))

    assert (found.value, found.lower, found.upper, found.passed) == (None, None, None, None)
    assert "no interval yet, the candidate is zero in all 120 paired scrapes" in found.reason


def cpu_ratio(ratio: float) -> object:
    return candidate_values({CPU: 0.101 * ratio})


@pytest.mark.parametrize(
    ("ratio", "passed", "end"),
    [
        (1.0, True, "an increase of at most 20.0 % allowed"),
        (1.2, None, "allowed: the upper bound must come down to +20.0 %"),
        (1.5, False, "an increase of at most 20.0 % allowed"),
        (0.0, None, ("no interval yet, the candidate is zero in all 120 paired scrapes; an increase of at most 20.0 %"
         " allowed")),
    ],
)  # fmt: skip
def test_relative_guardrail(ratio: float, passed: bool | None, end: str) -> None:
    found = judged(guardrail(CPU, Kind.MAXIMUM_INCREASE, 0.2), cpu_ratio(ratio))

    assert found.passed is passed
    assert found.reason.endswith(end)
    assert found.reason.startswith("collector CPU")
    assert found.value == (pytest.approx(ratio - 1, abs=1e-3) if ratio else None)


def test_ceiling_inside() -> None:
    found = judged(guardrail(CPU, Kind.MAXIMUM, 0.2), healthy)

    assert (found.passed, found.value, found.lower, found.upper) == (True, pytest.approx(0.1), None, None)
    assert found.reason == (
        "collector CPU 0.1 cores on average on web, 0.1 cores in the worst minute on web, at most 0.2 cores allowed"
    )


def busy_minute(number: int) -> dict[Metric, float]:
    return {
        **healthy(number, Variant.BASELINE).values,
        Metric.SERIES: 20.0,
        MEMORY: 2e8 if 40 < number < 70 else 5e7,
    }


def test_ceiling_with_only_a_bad_minute_stays_open() -> None:
    found = judged(guardrail(MEMORY, Kind.MAXIMUM, 1e8), candidate_with(values=busy_minute))

    assert found.value < 1e8
    assert found.passed is None
    assert "in the worst minute" in found.reason


def test_ceiling_with_the_mean_beyond_is_breached() -> None:
    assert judged(guardrail(MEMORY, Kind.MAXIMUM, 4e7), healthy).passed is False


@pytest.mark.parametrize("kind", [Kind.MAXIMUM, Kind.MINIMUM])
def test_a_level_without_data_stays_open(kind: Kind) -> None:
    metric = MEMORY if kind is Kind.MAXIMUM else Metric.MEMORY_COVERAGE
    found = judged(guardrail(metric, kind, 0.95), candidate_with(values={Metric.SERIES: 20.0}))

    assert (found.value, found.passed) == (None, None)
    assert "was not measured on every host" in found.reason


@pytest.mark.parametrize(("coverage", "passed"), [(0.97, True), (0.949, False)])
def test_coverage_is_a_fact(coverage: float, passed: bool) -> None:
    arm = candidate_values({Metric.CPU_COVERAGE: coverage})
    found = judged(guardrail(Metric.CPU_COVERAGE, Kind.MINIMUM, 0.95), arm)

    assert found.passed is passed
    assert found.reason == f"CPU coverage {percent(coverage)} on web, at least 95.0 % wanted"


@pytest.mark.parametrize(("coverage", "passed"), [(0.9, False), (0.92, None), (0.97, None), (0.99, True)])
def test_coverage_is_judged_only_where_the_phase_of_the_collector_cannot_explain_it(
    coverage: float, passed: bool | None
) -> None:
    arm = candidate_values({Metric.CPU_COVERAGE: coverage})

    def slack(number: int, variant: Variant) -> ArmSample:
        return replace(arm(number, variant), coverage_slack=0.0375)

    found = judged(guardrail(Metric.CPU_COVERAGE, Kind.MINIMUM, 0.95), slack)
    assert found.passed is passed
    assert found.reason.endswith(": known to 3.8 % only, by when the output was collected") is (
        passed is None
    )


def test_coverage_below_the_limit_in_both_variants_is_no_fault_of_the_candidate() -> None:
    def arm(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        coverage = 0.83 if variant is Variant.BASELINE else 0.82
        return replace(sample, values={**sample.values, Metric.CPU_COVERAGE: coverage})

    found = judged(guardrail(Metric.CPU_COVERAGE, Kind.MINIMUM, 0.95), arm)
    assert found.passed is None
    assert found.reason == (
        "CPU coverage 82.0 % on web, at least 95.0 % wanted: the baseline has 83.0 % there as well, so the"
        " measurement or the host is at fault"
    )


def test_coverage_of_the_worst_host_counts() -> None:
    scrapes = run(120) + run(120, candidate_values({Metric.CPU_COVERAGE: 0.5}), host="db")
    plan = design(guardrail(Metric.CPU_COVERAGE, Kind.MINIMUM, 0.95), hosts=("web", "db"))

    assert compare(scrapes, plan).criteria[1].reason == "CPU coverage 50.0 % on db, at least 95.0 % wanted"


def test_retention_without_a_miss_passes_and_gives_the_bound() -> None:
    found = judged(KEEP_CRITICAL, healthy)

    assert (found.passed, found.value) == (True, 1.0)
    assert found.reason == (
        "5 critical processes missed 0 times in 120 scrapes (100.0 % exported, misses in at most 6.3 % of scrapes),"
        " at least 100.0 % wanted"
    )


@pytest.mark.parametrize(("limit", "passed"), [(1.0, None), (0.999, None), (0.99, True)])
def test_a_single_miss_passes_only_a_minimum_below_its_share(limit: float, passed: bool | None) -> None:
    found = judged(guardrail(Metric.CRITICAL_RETENTION, Kind.MINIMUM, limit), missing_candidate(50))

    assert found.value == pytest.approx(1 - 1 / 600)
    assert found.passed is passed


def test_a_pattern_without_a_process_that_was_due_keeps_retention_open() -> None:
    scrapes = [replace(s, undue=("^cron$",)) for s in run(120)]
    found = compare(scrapes, design(KEEP_CRITICAL)).criteria[1]

    assert found.passed is None
    assert found.reason.endswith("pattern '^cron$' matches no process on web that lived for two intervals")


def test_a_lost_process_fails_retention_whatever_the_minimum() -> None:
    found = judged(guardrail(Metric.CRITICAL_RETENTION, Kind.MINIMUM, 0.5), missing_candidate(50, 51))

    assert found.passed is False


def test_retention_without_critical_processes_is_missing() -> None:
    found = judged(KEEP_CRITICAL, candidate_with(critical=0))

    assert (found.value, found.passed) == (None, None)
    assert "no critical process was alive to be exported" in found.reason


def test_every_metric_has_a_name_and_a_unit_in_words() -> None:
    assert all("_" not in name_of(metric) for metric in Metric)
    assert {m for m, n in NATURES.items() if n.is_ratio_judged or n.is_ceiling or n.is_floor} <= set(NAMES)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (CPU, 0.0974, "0.0974 cores"),
        (MEMORY, 104857600.0, "100.0 MiB"),
        (Metric.CPU_COVERAGE, -0.0001, "0.0 %"),
        (Metric.SERIES, 2576.4, "2576 series"),
        (Metric.FLAP_RATE, 0.5, "0.5 1/s"),
    ],
)
def test_quantities_read_with_their_unit(metric: Metric, value: float, text: str) -> None:
    assert quantity(metric, value) == text
