"""Validity: whether the run may be compared at all. An invalid run decides nothing but a lost critical process.

| Check | Invalid when |
|---|---|
| input | a host's arms received points at rates more than 5 % apart, or nothing shows what they received. Where the two |
| | receivers are not configured alike: the ratio of the rates in the two halves of the window is more than 5 % apart |
| restart | a collector's CPU or received-points counter fell |
| throttling | a collector's cgroup was throttled in the window |
| clock | a host's own wall clock and monotonic clock, both read by its agent at one instant, part by more than half an |
| | interval between two scrapes, however late they are asked for or arrive |
| phase | an arm's newest point is older than 2.5 intervals, or absent, in more than 5 % of its scrapes |
| missing | more than 5 % of the ticks dropped, or one arm missing more often than the other |
| coverage | surely more than 105 % of the kernel's growth accounted for: something is counted twice |

Shares are judged from 24 ticks on: before, one scrape's offset between two counters is already 5 %. Coverage is judged
from the design's minimum on: the growth it is a share of is small at first, in ticks of 10 ms. Events are invalid at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from phoenix.domain.decision.design import FIRST_LOOK, Design
from phoenix.domain.decision.levels import levels_of
from phoenix.domain.decision.pairing import Pairs, Reading, Window
from phoenix.domain.decision.phrases import name_of, percent
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant

HIGHEST_SHARE = 0.05
"""Dropped or stale scrapes, and the difference in input, above this make a run invalid (statistics: 10)."""

HIGHEST_IMBALANCE = 0.01
"""Share of cells by which one arm may be missing more often than the other, and at least one cell: a single failed read
happens to a healthy arm, while an arm that is missing when it is busy would hide its own peaks."""

FEWEST_READINGS = 3
"""Of both counters: two halves of a window share the middle one."""

HIGHEST_COVERAGE = 1.05
STALE_INTERVALS = 2.5
"""The exporter keeps a metric that long (metric_expiration): what is older was not exported any more."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether the run may be compared, and each reason why not."""

    valid: bool
    reasons: tuple[str, ...] = ()


def check_validity(window: Window, design: Design, judged: dict[Metric, Pairs]) -> Validity:
    """Check the run.

    Args:
        window: The measured window.
        design: The plan.
        judged: The pairs of each metric that an interval judges.
    """
    reasons = [*_missing(window, judged), *_overcounted(window, design)]
    for host in window.hosts:
        reasons += _host_faults(host, window, design)
    return Validity(not reasons, tuple(reasons))


def _host_faults(host: str, window: Window, design: Design) -> Iterator[str]:
    yield from _clock_fault(host, window.scrapes[host], design)
    if window.expected >= FIRST_LOOK:
        yield from _input_fault(host, window.scrapes[host], design)
    for variant in Variant:
        readings = window.readings[host, variant]
        yield from _restart(host, variant, readings)
        yield from _throttling(host, variant, readings)
        if window.expected >= FIRST_LOOK:
            yield from _staleness(host, variant, readings, design)


def _missing(window: Window, judged: dict[Metric, Pairs]) -> Iterator[str]:
    if window.expected < FIRST_LOOK:
        return
    if window.dropped > HIGHEST_SHARE * window.expected:
        yield (
            f"{window.dropped} of {window.expected} scrapes could not be paired, at most {percent(HIGHEST_SHARE)}"
            " may be dropped"
        )
    for metric, pairs in judged.items():
        if pairs.lacking > HIGHEST_SHARE * window.paired_scrapes:
            yield (
                f"{name_of(metric)} was missing in {pairs.lacking} of {window.paired_scrapes} scrapes,"
                f" at most {percent(HIGHEST_SHARE)} may be"
            )
    cells = window.expected * len(window.hosts)
    baseline, candidate = window.missing[Variant.BASELINE], window.missing[Variant.CANDIDATE]
    if abs(baseline - candidate) > max(1.0, HIGHEST_IMBALANCE * cells):
        yield (
            f"one variant was missing more often than the other: the baseline alone in {baseline},"
            f" the candidate alone in {candidate} of {cells} scrapes"
        )


def _overcounted(window: Window, design: Design) -> Iterator[str]:
    if window.paired_scrapes < design.minimum_scrapes:
        return
    for metric in (Metric.CPU_COVERAGE, Metric.MEMORY_COVERAGE):
        for variant in Variant:
            for level in levels_of(window, metric, variant) or ():
                if level.mean - level.slack > HIGHEST_COVERAGE:
                    yield (
                        f"the {variant}'s {name_of(metric)} on {level.host} is {percent(level.mean)}:"
                        f" above {percent(HIGHEST_COVERAGE)} something is counted twice"
                    )


def _input_fault(host: str, scrapes: Sequence[Scrape], design: Design) -> Iterator[str]:
    received = [pair for scrape in scrapes if (pair := _received(scrape))]
    if len(received) < FEWEST_READINGS:
        yield f"received points were not read of both variants on {host}: nothing shows that their input was the same"
        return
    baseline, candidate = _growth(received)
    if min(baseline, candidate) <= 0:
        yield f"a variant received no point on {host}: the baseline {baseline:.0f}, the candidate {candidate:.0f}"
    elif design.has_equal_receivers:
        if abs(candidate - baseline) > HIGHEST_SHARE * max(baseline, candidate):
            yield (
                f"the variants did not receive the same input on {host}: the baseline {baseline:.0f} points, the"
                f" candidate {candidate:.0f}, more than {percent(HIGHEST_SHARE)} apart"
            )
    else:
        yield from _drift(host, received)


def _drift(host: str, received: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Receivers that are configured apart make different points of the same processes, but always in one ratio."""
    middle = len(received) // 2
    early, late = (_growth(half) for half in (received[: middle + 1], received[middle:]))
    if min(*early, *late) <= 0:
        yield f"a variant received no point on {host} in half of the window"
        return
    before, after = early[1] / early[0], late[1] / late[0]
    if abs(after / before - 1) > HIGHEST_SHARE:
        yield (
            f"the variants' input on {host} drifted apart: the candidate received {before:.3f} points for each of the"
            f" baseline in the first half of the window and {after:.3f} in the second"
        )


def _growth(received: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of both counters, baseline first; read at the same two scrapes, so their ratio is that of the rates."""
    (b0, c0), (b1, c1) = received[0], received[-1]
    return b1 - b0, c1 - c0


def _received(scrape: Scrape) -> tuple[float, float] | None:
    baseline = scrape.baseline.points_received if scrape.baseline else None
    candidate = scrape.candidate.points_received if scrape.candidate else None
    return None if baseline is None or candidate is None else (baseline, candidate)


def _counted(
    readings: Sequence[Reading], read: Callable[[ArmSample], float | None]
) -> list[tuple[float, int]]:
    """The counter's values and the numbers of their scrapes, where it was read."""
    return [(value, r.number) for r in readings if (value := read(r.sample)) is not None]


def _restart(host: str, variant: Variant, readings: Sequence[Reading]) -> Iterator[str]:
    counters: tuple[Callable[[ArmSample], float | None], ...] = (
        lambda sample: sample.cpu_seconds,
        lambda sample: sample.points_received,
    )
    fell = [
        number
        for read in counters
        for (before, _), (after, number) in pairwise(_counted(readings, read))
        if after < before
    ]
    if fell:
        yield f"the {variant}'s collector on {host} restarted: its counters fell at scrape {min(fell)}"


def _throttling(host: str, variant: Variant, readings: Sequence[Reading]) -> Iterator[str]:
    periods = _counted(readings, lambda sample: sample.throttled_periods)
    growth = periods[-1][0] - periods[0][0] if periods else 0
    if growth > 0:
        yield f"the {variant}'s collector on {host} was throttled in {growth:.0f} CPU periods"


def _clock_fault(host: str, scrapes: Sequence[Scrape], design: Design) -> Iterator[str]:
    for before, after in pairwise(scrapes):
        apart = (after.wall_seconds - before.wall_seconds) - (after.at_seconds - before.at_seconds)
        if abs(apart) > design.interval_seconds / 2:
            yield f"the clock of {host} jumped by {apart:+.1f} s at scrape {after.number}"
            return


def _staleness(host: str, variant: Variant, readings: Sequence[Reading], design: Design) -> Iterator[str]:
    limit = STALE_INTERVALS * design.interval_seconds
    ages = [r.sample.export_age_seconds for r in readings]
    stale = sum(age is None or age > limit for age in ages)
    if stale > HIGHEST_SHARE * len(ages):
        yield (
            f"the {variant} on {host} exported nothing newer than {limit:g} s in {stale} of {len(ages)} scrapes,"
            f" at most {percent(HIGHEST_SHARE)} may be so old"
        )
