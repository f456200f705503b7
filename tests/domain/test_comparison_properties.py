"""What must hold for every run, not for the ones somebody thought of."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.domain.criteria import Criterion, Kind, Role
from phoenix.domain.decision.comparison import Comparison, Verdict, compare
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant
from tests.domain.runs import WARMUP, design, guardrail, healthy, missing_candidate, run

few = settings(max_examples=60, deadline=None)
steady = st.lists(st.integers(0, 3), min_size=24, max_size=40)
counts = st.builds(lambda level, noise: [level + n for n in noise], st.integers(10, 80), steady)
widening = st.floats(0.0, 0.3)


def arms(series: list[int], cpu: float, coverage: float) -> list[Scrape]:
    def arm(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        if variant is Variant.BASELINE:
            return sample
        values = {
            **sample.values,
            Metric.SERIES: float(series[(number - 1) % len(series)]),
            Metric.COLLECTOR_CPU_CORES: cpu + 0.001 * (number % 4),
            Metric.CPU_COVERAGE: coverage,
        }
        return replace(sample, values=values, cpu_seconds=number * cpu)

    return run(len(series), arm)


def criteria(widen: float) -> tuple[Criterion, ...]:
    return (
        Criterion(Metric.SERIES, Role.OBJECTIVE, Kind.MINIMUM_REDUCTION, 0.4 - widen),
        guardrail(Metric.COLLECTOR_CPU_CORES, Kind.MAXIMUM, 0.12 * (1 + widen)),
        guardrail(Metric.COLLECTOR_CPU_CORES, Kind.MAXIMUM_INCREASE, 0.1 + widen),
        guardrail(Metric.CPU_COVERAGE, Kind.MINIMUM, 0.95 - widen),
        guardrail(Metric.CRITICAL_RETENTION, Kind.MINIMUM, 1.0 - widen),
    )


@few
@given(counts, st.floats(0.08, 0.13), st.floats(0.9, 1.04), widening)
def test_wider_limits_never_make_the_verdict_worse(
    series: list[int], cpu: float, coverage: float, widen: float
) -> None:
    order = [Verdict.ROLL_BACK, Verdict.INCONCLUSIVE, Verdict.PROMOTE]
    scrapes = arms(series, cpu, coverage)
    strict = compare(scrapes, design(criteria=criteria(0.0)))
    wide = compare(scrapes, design(criteria=criteria(widen)))

    assert order.index(wide.verdict) >= order.index(strict.verdict)


@few
@given(
    st.sampled_from([Metric.SERIES, Metric.COLLECTOR_CPU_CORES, Metric.CPU_COVERAGE]),
    st.sampled_from(Variant),
    counts,
)
def test_a_criterion_without_data_never_promotes(metric: Metric, blind: Variant, series: list[int]) -> None:
    def forget(sample: ArmSample) -> ArmSample:
        values = {m: v for m, v in sample.values.items() if m is not metric}
        return replace(sample, values=values, cpu_seconds=None)

    scrapes = [replace(s, **{blind.value: forget(s.arm(blind))}) for s in arms(series, 0.05, 1.0)]
    found = compare(scrapes, design(criteria=criteria(0.0)))

    has_evidence = metric is Metric.CPU_COVERAGE and blind is Variant.BASELINE
    assert has_evidence or found.verdict is not Verdict.PROMOTE


@few
@given(st.lists(st.sampled_from(["both", "baseline", "candidate"]), max_size=200), st.integers(0, 23))
def test_one_sided_runs_never_promote(sides: list[str], paired: int) -> None:
    kept = (["both"] * paired) + [side for side in sides if side != "both"]
    scrapes = [
        replace(s, candidate=None)
        if side == "baseline"
        else replace(s, baseline=None)
        if side == "candidate"
        else s
        for s, side in zip(run(len(kept))[WARMUP:], kept, strict=True)
    ]

    assert compare(scrapes, design()).verdict is Verdict.INCONCLUSIVE


@few
@given(counts, st.data())
def test_a_scrape_missing_in_both_arms_equals_not_having_it(series: list[int], data: st.DataObject) -> None:
    scrapes = arms(series, 0.05, 1.0)
    at = data.draw(st.integers(0, len(scrapes) - 1))
    gone = data.draw(st.sampled_from([None, ArmSample(error="timeout")]))
    empty = [*scrapes[:at], replace(scrapes[at], baseline=gone, candidate=gone), *scrapes[at + 1 :]]
    absent = scrapes[:at] + scrapes[at + 1 :]
    plan = design(criteria=criteria(0.0))

    assert compare(empty, plan) == compare(absent, plan)


@few
@given(st.integers(1, 59), st.integers(0, 60))
def test_a_pair_of_misses_of_a_critical_process_always_rolls_back(first: int, more: int) -> None:
    measured = first + 1 + more
    found = compare(run(measured, missing_candidate(first, first + 1)), design(minimum_scrapes=120))

    assert found.verdict is Verdict.ROLL_BACK


def swapped(scrapes: list[Scrape]) -> list[Scrape]:
    return [replace(s, baseline=s.candidate, candidate=s.baseline) for s in scrapes]


@few
@given(counts)
def test_swapping_the_variants_inverts_the_ratio(series: list[int]) -> None:
    def effect(found: Comparison) -> tuple[float, float, float]:
        e = found.metrics[Metric.SERIES].effect
        return 1 - e.estimate, 1 - e.lower, 1 - e.upper

    scrapes = arms(series, 0.05, 1.0)
    there, back = effect(compare(scrapes, design())), effect(compare(swapped(scrapes), design()))

    assert abs(there[0] * back[0] - 1) < 1e-9
    assert abs(there[1] * back[2] - 1) < 1e-9
    assert abs(there[2] * back[1] - 1) < 1e-9
