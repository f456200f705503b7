"""Pairing: from scrapes of single hosts to the measured window that both variants share.

Only what both variants saw at the same tick is compared. A tick that lacks a host is dropped for all hosts, or the sum
over hosts would jump; what was dropped is counted, for losing data is a finding about the run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from phoenix.domain.decision.design import Design
from phoenix.domain.decision.noise import Array
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant

VARIANTS = tuple(Variant)
"""Iterating an enumeration is slow, and this is done for every sample at every look."""


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
        paired_scrapes: Complete ticks: both variants were read on every host.
        paired: By host and variant, the samples of the complete ticks, oldest first, shape (paired_scrapes,).
        scrapes: By host, the measured scrapes with at least one sound sample, oldest first.
        readings: By host and variant, the sound samples, oldest first.
        missing: By variant, (host, tick) cells in which this variant alone was not read.
    """

    hosts: tuple[str, ...]
    expected: int
    last_number: int
    paired_scrapes: int
    paired: Mapping[tuple[str, Variant], tuple[ArmSample, ...]]
    scrapes: Mapping[str, tuple[Scrape, ...]]
    readings: Mapping[tuple[str, Variant], tuple[Reading, ...]]
    missing: Mapping[Variant, int]

    @property
    def dropped(self) -> int:
        """Ticks that cannot be compared: a host or a variant was not read."""
        return self.expected - self.paired_scrapes


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
    readings: dict[tuple[str, Variant], list[Reading]] = {
        (host, variant): [] for host in design.hosts for variant in VARIANTS
    }
    missing = dict.fromkeys(VARIANTS, 0)
    sound: dict[int, int] = {}
    for number, host in cells:
        scrape = cells[number, host]
        for variant in VARIANTS:
            sample = scrape.arm(variant)
            if sample is None or sample.error:
                missing[variant] += 1
            else:
                sound[number] = sound.get(number, 0) + 1
                readings[host, variant].append(Reading(scrape.at_seconds, number, sample))
    complete = {number for number, samples in sound.items() if samples == len(readings)}
    last = max(sound, default=0)
    return Window(
        hosts=design.hosts,
        expected=max(last - design.warmup, 0),
        last_number=last,
        paired_scrapes=len(complete),
        paired={key: tuple(r.sample for r in rs if r.number in complete) for key, rs in readings.items()},
        scrapes={host: tuple(s for (_, at), s in cells.items() if at == host) for host in design.hosts},
        readings={key: tuple(found) for key, found in readings.items()},
        missing=missing,
    )


def _measured_cells(scrapes: Iterable[Scrape], design: Design) -> dict[tuple[int, str], Scrape]:
    """The scrapes that measure something, by number: a tick at which nothing was read is as if it had not been."""
    cells = {
        (scrape.number, scrape.host): scrape
        for scrape in scrapes
        if scrape.number > design.warmup
        and scrape.host in design.hosts
        and (is_sound(scrape.baseline) or is_sound(scrape.candidate))
    }
    return dict(sorted(cells.items(), key=itemgetter(0)))


def pair(window: Window, metric: Metric) -> Pairs:
    """One metric's values at the ticks where both variants have it on every host."""
    sides = [_table(window, metric, variant) for variant in VARIANTS]
    usable = np.isfinite(sides[0]).all(axis=0) & np.isfinite(sides[1]).all(axis=0)
    lacking = window.paired_scrapes - int(usable.sum())
    return Pairs(sides[0][:, usable], sides[1][:, usable], lacking)


def _table(window: Window, metric: Metric, variant: Variant) -> Array:
    """Shape (hosts, paired scrapes); a value that is missing is NaN inside this module only."""
    nan = float("nan")
    rows = [
        [sample.values.get(metric, nan) for sample in window.paired[host, variant]] for host in window.hosts
    ]
    return np.array(rows, dtype=np.float64)
