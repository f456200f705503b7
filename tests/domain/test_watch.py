"""What a promoted pipeline is held to while it is watched: what was not measured did not hold."""

from collections.abc import Callable
from dataclasses import replace

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.watch import WATCH_WARMUP, breaches
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant
from tests.domain.runs import KEEP_CRITICAL, NGINX, design, guardrail, healthy

CPU = guardrail(Metric.COLLECTOR_CPU_CORES, Kind.MAXIMUM, 0.2)
COVERAGE = guardrail(Metric.CPU_COVERAGE, Kind.MINIMUM, 0.95)
DESIGN = design(KEEP_CRITICAL, CPU, COVERAGE)

Change = Callable[[int, ArmSample], ArmSample]


def watched(count: int, change: Change = lambda _, sample: sample) -> list[Scrape]:
    """The active pipeline at so many scrapes, each changed as asked."""
    return [
        Scrape(n, "web", float(n), 1000.0 + n, None, change(n, healthy(n, Variant.CANDIDATE)))
        for n in range(1, count + 1)
    ]


def test_a_healthy_pipeline_breaches_nothing():
    assert breaches(watched(40), DESIGN, is_last=True) == ()


def test_a_watch_that_read_nothing_proves_nothing():
    dead = watched(40, lambda _, sample: ArmSample(error="timed out"))
    assert "exported nothing" in breaches(dead, DESIGN, is_last=False)[0]


def test_a_pipeline_that_goes_silent_is_taken_back_at_once():
    silent = watched(30, lambda n, s: s if n < 28 else replace(s, export_age_seconds=None, values={}))
    assert "exported nothing in its last 3" in breaches(silent, DESIGN, is_last=False)[0]


def test_one_failed_scrape_is_no_breach():
    assert (
        breaches(watched(40, lambda n, s: ArmSample(error="x") if n == 20 else s), DESIGN, is_last=True) == ()
    )


def test_a_level_that_was_never_read_does_not_hold():
    blind = watched(40, lambda _, s: replace(s, values={Metric.SERIES: 20.0}))
    assert any("not measured in the watch" in words for words in breaches(blind, DESIGN, is_last=True))


def test_a_level_is_judged_over_a_stretch_not_at_a_moment():
    low = watched(10, lambda n, s: replace(s, values={**s.values, Metric.CPU_COVERAGE: 0.5}))
    assert breaches(low, DESIGN, is_last=False) == ()
    assert breaches(low, DESIGN, is_last=True)


def test_a_lost_critical_process_is_a_breach_at_once():
    lost = watched(WATCH_WARMUP + 2, lambda _, s: replace(s, missed=(NGINX,)))
    assert "nginx" in breaches(lost, DESIGN, is_last=False)[0]
