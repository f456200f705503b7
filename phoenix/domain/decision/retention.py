"""Critical retention: exact, process by process, never averaged into a percentage that hides one lost process.

A critical process that the kernel shows alive and the candidate does not export in two consecutive measured scrapes,
or in three of twenty, is lost. So is one that restarts: the misses of all processes of a name on a host count together,
for each of them had lived long enough to be exported. Scrapes that failed, or were taken without the kernel's table, are
missing, not misses: two misses around one are consecutive.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from phoenix.domain.decision.design import Design
from phoenix.domain.decision.pairing import Reading, Window
from phoenix.domain.samples import ProcessIdentity, Scrape, Variant

RECENT = 20
"""Scrapes in which `MISSES_IN_RECENT` misses are a loss, consecutive or not (statistics: 7)."""

MISSES_IN_RECENT = 3


@dataclass(frozen=True, slots=True)
class Missed:
    """A critical process that a variant did not always export.

    Attributes:
        host: Where.
        name: `process.executable.name`.
        pid: Process id on that host.
        scrapes: Measured scrapes in which it was missing though alive.
        variant: Who missed it; the baseline's misses are reported and decide nothing.
        is_lost: It, or it and others of its name, missing in two consecutive scrapes or in three of twenty: a breach,
            if by the candidate.
    """

    host: str
    name: str
    pid: int
    scrapes: int
    variant: Variant
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Critical:
    """What became of the critical processes in the measured window.

    Attributes:
        processes: The most that had to be exported at one scrape, summed over hosts.
        missed: Every process that a variant missed, by host, name and pid.
        miss_upper_bound: Anytime-valid upper bound on the share of scrapes in which the candidate misses one; decides
            nothing. None where no critical process had to be exported.
        scrapes: Measured scrapes of the candidate in which one had to be exported.
        retained: By variant, exported share of the (process, scrape) cells that had to be exported; None without any.
        unmatched: (pattern, host) that matched no living process by the end of the warm-up, or at no measured scrape.
        short_lived: (pattern, host) that matched, but no process that lived for two intervals: nothing was judged.
    """

    processes: int
    missed: tuple[Missed, ...]
    miss_upper_bound: float | None
    scrapes: int
    retained: Mapping[Variant, float | None]
    unmatched: tuple[tuple[str, str], ...]
    short_lived: tuple[tuple[str, str], ...]

    def missed_by(self, variant: Variant) -> tuple[Missed, ...]:
        return tuple(m for m in self.missed if m.variant is variant)

    @property
    def lost(self) -> tuple[Missed, ...]:
        """What the candidate lost."""
        return tuple(m for m in self.missed_by(Variant.CANDIDATE) if m.is_lost)


def judge_retention(scrapes: Iterable[Scrape], window: Window, design: Design) -> Critical:
    """Apply the retention rules to both variants.

    References:
        statistics: 7.
    """
    candidate = {host: window.readings[host, Variant.CANDIDATE] for host in window.hosts}
    required = {r.number for readings in candidate.values() for r in readings if r.sample.critical}
    with_miss = {r.number for readings in candidate.values() for r in readings if r.sample.missed}
    n = len(required | with_miss)
    unmatched = _unmatched(scrapes, window, design)
    return Critical(
        processes=sum(max((r.sample.critical for r in found), default=0) for found in candidate.values()),
        missed=tuple(m for key, found in window.readings.items() for m in _missed_of(*key, found)),
        miss_upper_bound=miss_upper_bound(len(with_miss), n, design.alpha) if n else None,
        scrapes=n,
        retained={variant: _retained(window, variant) for variant in Variant},
        unmatched=unmatched,
        short_lived=tuple(gap for gap in _never_due(window) if gap not in unmatched),
    )


def _missed_of(host: str, variant: Variant, readings: Sequence[Reading]) -> list[Missed]:
    places: dict[ProcessIdentity, list[int]] = {}
    named: dict[str, set[int]] = {}
    for place, reading in enumerate(r for r in readings if r.sample.is_judged):
        for process in set(reading.sample.missed):
            places.setdefault(process, []).append(place)
            named.setdefault(process.name, set()).add(place)
    lost = {name for name, found in named.items() if is_lost(sorted(found))}
    return [
        Missed(host, process.name, process.pid, len(found), variant, is_lost=process.name in lost)
        for process, found in sorted(places.items())
    ]


def is_lost(places: Sequence[int]) -> bool:
    """Whether misses at these places, counted in scrapes that were judged, are a loss.

    Args:
        places: Increasing.
    """
    consecutive = any(later - earlier == 1 for earlier, later in pairwise(places))
    recent = zip(places, places[MISSES_IN_RECENT - 1 :], strict=False)
    return consecutive or any(last - first < RECENT for first, last in recent)


def _retained(window: Window, variant: Variant) -> float | None:
    samples = [r.sample for host in window.hosts for r in window.readings[host, variant]]
    required = sum(sample.critical for sample in samples)
    if not required:
        return None
    return 1 - sum(len(sample.missed) for sample in samples) / required


def _unmatched(scrapes: Iterable[Scrape], window: Window, design: Design) -> tuple[tuple[str, str], ...]:
    """Patterns without a living process in the whole warm-up, or in the whole measured window, on a host.

    A pattern that matched in the warm-up only says nothing about the candidate either.
    """
    found: set[tuple[str, str]] = set()
    warmup: dict[str, set[str]] = {}
    for scrape in scrapes:
        if scrape.number <= design.warmup and scrape.host in window.scrapes:
            unmatched = set(scrape.unmatched)
            warmup[scrape.host] = warmup.get(scrape.host, unmatched) & unmatched
    for host in window.hosts:
        measured = [set(scrape.unmatched) for scrape in window.scrapes[host]]
        always = set[str].intersection(*measured) if measured else set[str]()
        found |= {(pattern, host) for pattern in always | warmup.get(host, set())}
    return tuple(sorted(found))


def _never_due(window: Window) -> list[tuple[str, str]]:
    """Patterns for which no process had to be exported in the whole measured window, on a host."""
    return [
        (pattern, host)
        for host in window.hosts
        if window.scrapes[host]
        for pattern in sorted(set[str].intersection(*(set(scrape.undue) for scrape in window.scrapes[host])))
    ]


def miss_upper_bound(misses: int, scrapes: int, alpha: float) -> float:
    """Anytime-valid upper bound on a miss rate: the largest rate against which the e-value is below 1 / alpha.

    Args:
        misses: Scrapes with a miss.
        scrapes: Scrapes, at least one.
        alpha: One-sided error rate.

    References:
        statistics: 7. The e-value is the uniform beta-binomial mixture over the binomial likelihood,
        B(m + 1, n - m + 1) / (p^m (1 - p)^(n - m)): Robbins, Annals of Mathematical Statistics 41 (1970).
    """
    hits = scrapes - misses
    log_mixture = math.lgamma(misses + 1) + math.lgamma(hits + 1) - math.lgamma(scrapes + 2)
    if not hits:
        return 1.0
    low, high = misses / scrapes, 1.0
    # The e-value grows from the observed rate up to 1, so bisection finds the one crossing; 60 halvings are exact.
    for _ in range(60):
        rate = (low + high) / 2
        log_likelihood = hits * math.log1p(-rate) + (misses * math.log(rate) if misses else 0.0)
        if log_mixture - log_likelihood >= math.log(1 / alpha):
            high = rate
        else:
            low = rate
    return high
