"""What the candidate is held to while a person thinks: a fault that begins now must not drown in a healthy past."""

import math
from dataclasses import replace

import numpy as np
import pytest

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.comparison import compare
from phoenix.domain.decision.verdict import Verdict
from phoenix.domain.decision.waiting import (
    breaches,
    breaches_of_all,
    share_of,
    stretch_scrapes,
    taken_back,
)
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant
from tests.domain.runs import (
    KEEP_CRITICAL,
    NGINX,
    Arm,
    candidate_values,
    candidate_with,
    design,
    guardrail,
    healthy,
    missing_candidate,
    run,
    scrape,
)
from tests.domain.test_error_rates import autoregressive, bound

MEMORY = guardrail(Metric.COLLECTOR_MEMORY_BYTES, Kind.MAXIMUM, 60e6)
CPU = guardrail(Metric.COLLECTOR_CPU_CORES, Kind.MAXIMUM_INCREASE, 0.2)
DESIGN = design(KEEP_CRITICAL, MEMORY, CPU)
LENGTH = stretch_scrapes(DESIGN)


def stretch(arm: Arm = healthy, length: int = LENGTH) -> list[Scrape]:
    return [scrape(number, arm) for number in range(1, length + 1)]


def test_a_healthy_stretch_breaches_nothing_at_any_of_its_scrapes():
    scrapes = stretch()
    for number in range(1, LENGTH + 1):
        assert breaches(scrapes[:number], DESIGN, 1, is_last=number == LENGTH) == ()


def test_a_lost_process_is_a_breach_at_once():
    lost = stretch(missing_candidate(4, 5), length=8)
    assert "critical process nginx" in breaches(lost, DESIGN, 1)[0]


def test_a_candidate_that_is_not_read_is_a_breach_after_three_scrapes():
    def silent(number: int, variant: Variant) -> ArmSample:
        is_gone = variant is Variant.CANDIDATE and number > 20
        return ArmSample(error="refused") if is_gone else healthy(number, variant)

    assert breaches(stretch(silent, 22), DESIGN, 1) == ()
    assert "the candidate on web exported nothing" in breaches(stretch(silent, 23), DESIGN, 1)[0]


def test_a_leak_that_a_long_past_hides_shows_in_its_stretch():
    leaky = candidate_values({Metric.COLLECTOR_MEMORY_BYTES: 80e6})
    past = run(400)
    later = [replace(s, number=s.number + 403, at_seconds=s.at_seconds + 403) for s in stretch(leaky)]
    assert breaches_of_all([*past, *later], DESIGN) == ()
    assert "collector memory" in breaches(stretch(leaky), DESIGN, 1)[0]


def test_a_level_that_nobody_read_in_a_stretch_did_not_hold():
    blind = stretch(candidate_with(values={Metric.SERIES: 20.0}))
    assert breaches(blind[:-1], DESIGN, 1) == ()
    told = breaches(blind, DESIGN, 1, is_last=True)
    assert any("not measured while waiting for the approval" in words for words in told)


def test_a_relative_guardrail_is_judged_against_the_baseline_of_the_same_stretch():
    hungry = candidate_values({Metric.COLLECTOR_CPU_CORES: 0.2})
    assert any("CPU" in words for words in breaches(stretch(hungry), DESIGN, 1))

    def both(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        return replace(sample, values={**sample.values, Metric.COLLECTOR_CPU_CORES: 0.2})

    assert breaches(stretch(both), DESIGN, 1) == ()


def test_what_is_too_small_for_a_stretch_shows_over_everything():
    rng = np.random.default_rng(7)
    noise = 0.05 * autoregressive(rng, 0.0, 2000)

    def creeping(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        cores = 0.1 if variant is Variant.BASELINE else 0.124 * math.exp(noise[number])
        return replace(sample, values={**sample.values, Metric.COLLECTOR_CPU_CORES: cores})

    assert breaches(stretch(creeping), DESIGN, 4) == ()
    assert any("CPU" in words for words in breaches_of_all(run(1500, creeping), DESIGN))


def test_the_shares_of_however_many_stretches_spend_alpha_once():
    shares = [share_of(number) for number in range(1, 10_000)]
    assert shares == sorted(shares, reverse=True)
    assert 0.99 < sum(shares) < 1


def false_breaches(waits: int, stretches: int, every: int) -> int:
    """Waits in which a candidate whose CPU is exactly at its limit in the long run is taken back."""
    rng = np.random.default_rng(11)
    plan = design(CPU)
    length = stretch_scrapes(plan)
    return sum(_is_fooled(rng, plan, length, stretches, every) for _ in range(waits))


def _is_fooled(rng: np.random.Generator, plan, length: int, stretches: int, every: int) -> bool:
    for number in range(1, stretches + 1):
        noise = 0.1 * autoregressive(rng, 0.5, length + 1)

        def at_the_limit(tick: int, variant: Variant, noise=noise) -> ArmSample:
            sample = healthy(tick, variant)
            cores = 0.1 if variant is Variant.BASELINE else 0.12 * math.exp(noise[tick])
            return replace(sample, values={**sample.values, Metric.COLLECTOR_CPU_CORES: cores})

        scrapes = stretch(at_the_limit, length)
        if any(breaches(scrapes[:n], plan, number) for n in range(27, length + 1, every)):
            return True
    return False


def test_a_candidate_within_its_limits_is_hardly_ever_taken_back_however_long_the_wait_is():
    assert false_breaches(waits=20, stretches=4, every=6) <= bound(20)


@pytest.mark.soak
def test_it_is_so_over_many_waits():
    assert false_breaches(waits=100, stretches=8, every=4) <= bound(100)


def test_after_a_breach_the_figures_stand_and_the_verdict_does_not():
    asked = compare(run(24), DESIGN)
    after = taken_back(asked, "it leaks", 99)
    assert (asked.verdict, after.verdict) == (Verdict.PROMOTE, Verdict.ROLL_BACK)
    assert (after.criteria, after.metrics, after.decided_at_scrape) == (asked.criteria, asked.metrics, 99)
    assert "it leaks" in after.reasons[0]
    assert f"PROMOTE, since scrape {asked.decided_at_scrape}" in after.reasons[1]


def test_a_miss_by_the_baseline_is_no_breach():
    def arm(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        return replace(sample, missed=(NGINX,)) if variant is Variant.BASELINE and number > 10 else sample

    assert breaches(stretch(arm), DESIGN, 1) == ()
