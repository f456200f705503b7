"""Runs for the tests of the decision: healthy unless a test breaks them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from phoenix.domain.criteria import Criterion, Kind, Role
from phoenix.domain.decision.design import Design
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, ProcessIdentity, Scrape, Variant

WARMUP = 3
NGINX = ProcessIdentity("nginx", 41)
TRACES = Path(__file__).parent / "traces"

SERIES_CUT = Criterion(Metric.SERIES, Role.OBJECTIVE, Kind.MINIMUM_REDUCTION, 0.5)


def guardrail(metric: Metric, kind: Kind, limit: float) -> Criterion:
    return Criterion(metric, Role.GUARDRAIL, kind, limit)


KEEP_CRITICAL = guardrail(Metric.CRITICAL_RETENTION, Kind.MINIMUM, 1.0)


def design(*guardrails: Criterion, **changes: object) -> Design:
    plan = Design(
        criteria=(SERIES_CUT, *guardrails),
        warmup=WARMUP,
        minimum_scrapes=24,
        alpha=0.05,
        interval_seconds=1.0,
        hosts=("web",),
        candidate_name="process-topk-v1",
        baseline_name="process-baseline-v1",
    )
    return replace(plan, **changes)


def healthy(number: int, variant: Variant) -> ArmSample:
    """Baseline 100 series, candidate 20; both at 0.1 cores, 1000 points a scrape, five critical processes."""
    series = 100.0 if variant is Variant.BASELINE else 20.0
    values = {
        Metric.SERIES: series,
        Metric.COLLECTOR_CPU_CORES: 0.1 + 0.001 * (number % 3),
        Metric.COLLECTOR_MEMORY_BYTES: 50e6,
        Metric.CPU_COVERAGE: 0.99,
    }
    return ArmSample(
        values, 5, (), number * 0.1, number * 1000.0, export_age_seconds=0.5, throttled_periods=0
    )


Arm = Callable[[int, Variant], ArmSample | None]


def run(measured: int, arm: Arm = healthy, host: str = "web") -> list[Scrape]:
    """A run of `measured` scrapes after the warm-up, every second."""
    return [scrape(number, arm, host) for number in range(1, WARMUP + measured + 1)]


def scrape(number: int, arm: Arm = healthy, host: str = "web") -> Scrape:
    samples = (arm(number, variant) for variant in Variant)
    return Scrape(number, host, float(number), 1.7e9 + number, *samples)


def missing_candidate(*places: int) -> Arm:
    """The candidate does not export nginx at these measured scrapes, 1 being the first."""

    def arm(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        is_missed = variant is Variant.CANDIDATE and number - WARMUP in places
        return replace(sample, missed=(NGINX,)) if is_missed else sample

    return arm


def candidate_with(**changes: object) -> Arm:
    """The candidate's samples with these fields; a callable field gets the scrape's number."""

    def arm(number: int, variant: Variant) -> ArmSample:
        if variant is Variant.BASELINE:
            return healthy(number, variant)
        given = {key: value(number) if callable(value) else value for key, value in changes.items()}
        return replace(healthy(number, variant), **given)

    return arm


def candidate_values(values: dict[Metric, float]) -> Arm:
    """The candidate's values with these metrics replaced."""

    def arm(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        return sample if variant is Variant.BASELINE else replace(sample, values={**sample.values, **values})

    return arm


def trace(name: str, column: str, warmup: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """The baseline's and the other arm's values of a recorded run after the warm-up."""
    columns = json.loads((TRACES / f"{name}.json").read_text())
    baseline, other = (np.array(columns[f"{column}{arm}"][warmup:], dtype=float) for arm in (0, 1))
    return baseline, other
