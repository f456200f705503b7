"""Pairing: from scrapes of single hosts to the measured window that both variants share.

Only what both variants saw at the same tick is compared. A tick that lacks a host is dropped for all hosts, or the sum
over hosts would jump; what was dropped is counted, for losing data is a finding about the run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from phoenix.domain.design import Design
from phoenix.domain.metrics import Metric
from phoenix.domain.noise import Array
from phoenix.domain.samples import ArmSample, Scrape, Variant


class Reading(NamedTuple):
    """A sound sample of one variant on one host, and when it was taken."""

    at_seconds: float
    number: int
    sample: ArmSample


@dataclass(frozen=True, slots=True)
class Window:
    """The measured window: everything after the warm-up, on the hosts of the design.

    Attributes:
        hosts: The hosts, in the order of the design.
        expected: Ticks from the end of the warm-up to the last one at which anything was read.
        last_number: Number of that last tick; 0 before it.
        ticks: The complete ticks, oldest first, each with one scrape a host in the order of `hosts`.
        scrapes: By host, the measured scrapes with at least one sound sample, oldest first.
        readings: By host and variant, the sound samples, oldest first.
        missing: By variant, (host, tick) cells in which this variant alone was not read.
    """

    hosts: tuple[str, ...]
    expected: int
    last_number: int
    ticks: tuple[tuple[Scrape, ...], ...]
    scrapes: Mapping[str, tuple[Scrape, ...]]
    readings: Mapping[tuple[str, Variant], tuple[Reading, ...]]
    missing: Mapping[Variant, int]

    @property
    def dropped(self) -> int:
        """Ticks that cannot be compared: a host or a variant was not read."""
        return self.expected - len(self.ticks)


@dataclass(frozen=True, slots=True)
class Pairs:
    """One metric over the complete ticks.

    Attributes:
        baseline: Shape (hosts, n), in the metric's unit, finite, oldest first.
        candidate: Shape (hosts, n), as `baseline`.
        lacking: Complete ticks left out because this metric was missing in a variant.
    """

    baseline: Array
    candidate: Array
    lacking: int


def is_sound(sample: ArmSample | None) -> bool:
    """Whether the variant was read at all: a scrape that failed is missing, not a miss."""
    return sample is not None and not sample.error


def open_window(scrapes: Iterable[Scrape], design: Design) -> Window:
    """Sort the scrapes into the measured window; of two with the same host and number the later one counts.

    References:
        statistics: 1, 10.
    """
    cells = _measured_cells(scrapes, design)
    by_host: dict[str, list[Scrape]] = {host: [] for host in design.hosts}
    readings: dict[tuple[str, Variant], list[Reading]] = {
        (host, variant): [] for host in design.hosts for variant in Variant
    }
    missing = dict.fromkeys(Variant, 0)
    complete: dict[int, int] = {}
    for number, host in sorted(cells):
        scrape = cells[number, host]
        by_host[host].append(scrape)
        sound = 0
        for variant in Variant:
            sample = scrape.arm(variant)
            if sample is None or sample.error:
                missing[variant] += 1
            else:
                sound += 1
                readings[host, variant].append(Reading(scrape.at_seconds, number, sample))
        if sound == len(Variant):
            complete[number] = complete.get(number, 0) + 1
    last = max((number for number, _ in cells), default=0)
    ticks = (number for number, hosts in complete.items() if hosts == len(design.hosts))
    return Window(
        hosts=design.hosts,
        expected=max(last - design.warmup, 0),
        last_number=last,
        ticks=tuple(tuple(cells[number, host] for host in design.hosts) for number in ticks),
        scrapes={host: tuple(found) for host, found in by_host.items()},
        readings={key: tuple(found) for key, found in readings.items()},
        missing=missing,
    )


def _measured_cells(scrapes: Iterable[Scrape], design: Design) -> dict[tuple[int, str], Scrape]:
    """The scrapes that measure something: a tick at which nothing was read is as if it had not been."""
    return {
        (scrape.number, scrape.host): scrape
        for scrape in scrapes
        if scrape.number > design.warmup
        and scrape.host in design.hosts
        and (is_sound(scrape.baseline) or is_sound(scrape.candidate))
    }


def pair(window: Window, metric: Metric) -> Pairs:
    """One metric's values at the ticks where both variants have it on every host."""
    sides = [_table(window, metric, variant) for variant in Variant]
    usable = np.isfinite(sides[0]).all(axis=0) & np.isfinite(sides[1]).all(axis=0)
    lacking = len(window.ticks) - int(usable.sum())
    return Pairs(sides[0][:, usable], sides[1][:, usable], lacking)


def _table(window: Window, metric: Metric, variant: Variant) -> Array:
    """Shape (hosts, ticks); a value that is missing is NaN inside this module only."""
    nan = float("nan")
    rows = [
        [sample.values.get(metric, nan) if (sample := scrape.arm(variant)) else nan for scrape in tick]
        for tick in window.ticks
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(window.hosts)).T
