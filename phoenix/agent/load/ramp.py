"""The share of a load that is asked for over time: `[(seconds, share), ...]`, linear between, the last one stays."""

from __future__ import annotations

import math
from typing import Iterator, NamedTuple


class Turn(NamedTuple):
    """A standing process comes to be wanted, or is not wanted any more."""

    seconds: float
    number: int
    is_wanted: bool


def turns(points: tuple[tuple[float, float], ...], count: int) -> Iterator[Turn]:
    """When each of `count` processes comes and goes, in order of time.

    Process i is wanted while the share is at least (i + 1) / count, so the first ones stay longest.
    """
    at, share = 0.0, points[0][1] if points else 1.0
    wanted = _number(share, count)
    yield from (Turn(0.0, index, True) for index in range(wanted))
    for then, goal in points:
        target = _number(goal, count)
        rising = target > wanted
        for index in range(wanted, target) if rising else range(wanted - 1, target - 1, -1):
            part = ((index + 1) / count - share) / (goal - share)
            yield Turn(at + min(1.0, max(0.0, part)) * (then - at), index, rising)
        at, share, wanted = then, goal, target


def arrivals(points: tuple[tuple[float, float], ...], rate: float) -> Iterator[float]:
    """Seconds at which the n-th short-lived process is due: where the integral of rate x share reaches n + 1/2."""
    done, wanted = 0.0, 0.5  # integral so far, and where the next one is due
    at, share = 0.0, points[0][1] if points else 1.0
    for then, goal in (*points, (math.inf, points[-1][1] if points else 1.0)):
        length = then - at
        slope = 0.0 if math.isinf(length) or length == 0 else rate * (goal - share) / length
        begin = rate * share
        whole = (begin + rate * goal) / 2 * length if begin or goal else 0.0
        while wanted <= done + whole:
            yield at + _reached(wanted - done, begin, slope)
            wanted += 1
        done, at, share = done + whole, then, goal


def _reached(area: float, begin: float, slope: float) -> float:
    """The x for which begin x + slope x^2 / 2 = area; in the form that does not cancel out for small slopes."""
    return 2 * area / (begin + math.sqrt(max(0.0, begin * begin + 2 * slope * area)))


def _number(share: float, count: int) -> int:
    """How many of `count` a share asks for; what is one but for rounding counts as one."""
    return math.floor(share * count + 1e-9)
