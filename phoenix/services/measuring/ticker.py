"""An absolute schedule of numbered ticks: late ones are left out, never bunched, and their numbers with them."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from threading import Event
from typing import NamedTuple


class Tick(NamedTuple):
    """One tick of a schedule.

    Attributes:
        number: 1 for the first; a number that never comes is a tick that was left out.
        at_seconds: Time since the first tick, s, when the wait for it ended.
    """

    number: int
    at_seconds: float


class Ticker:
    """Waits for the ticks of one run.

    Args:
        interval: Between two ticks.
        interrupted: Ends a wait at once when set.
        clock: Monotonic seconds.
    """

    def __init__(
        self, interval: timedelta, interrupted: Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval.total_seconds()
        self._interrupted = interrupted
        self._clock = clock
        self._origin: float | None = None
        self._next = 0.0
        self._number = 1

    def elapsed(self) -> float:
        """Time since the first tick, s; 0 before it."""
        return 0.0 if self._origin is None else self._clock() - self._origin

    def wait(self) -> Tick:
        """Wait for the next tick; the first comes at once. Ticks that have passed meanwhile are left out.

        Returns:
            The tick; where the wait was interrupted, the one that is still to come, with the time of the interruption.
        """
        if self._origin is None:
            self._origin, elapsed = self._clock(), 0.0
        else:
            elapsed = self._leave_out_passed()
        number = self._number
        if not self._interrupted.wait(max(0.0, self._next - elapsed)):
            self._advance(1)
        return Tick(number, self.elapsed())

    def ticks(self, last: int) -> Iterator[Tick]:
        """Wait for one tick after another, up to the number `last`; not for a later one where that was left out."""
        self._leave_out_passed()
        while self._number <= last:
            yield self.wait()
            self._leave_out_passed()

    def align(self, ages: Sequence[float]) -> float:
        """Shift the schedule once so that collectors are read in the middle between two of their rounds.

        Args:
            ages: Age of each collector's newest point when it was read at the last tick, s.

        Returns:
            By how much the ticks come later from now on, s; at most half an interval either way. A tick that is so
            moved into the past comes an interval later under its own number: nothing was missed.
        """
        shift = mid_interval_shift(ages, self._interval)
        elapsed = self._leave_out_passed()
        self._next += shift
        if self._next < elapsed:
            self._next += self._interval
        return shift

    def _leave_out_passed(self) -> float:
        elapsed = self.elapsed()
        if elapsed > self._next:
            self._advance(math.floor((elapsed - self._next) / self._interval) + 1)
        return elapsed

    def _advance(self, ticks: int) -> None:
        self._next += ticks * self._interval
        self._number += ticks


def mid_interval_shift(ages: Sequence[float], interval_seconds: float) -> float:
    """How much later to read so that every collector's last round is as far away as can be.

    The rounds lie on a circle of one interval; the best time is the middle of their largest gap, which is half an
    interval after the round of a single collector.

    Args:
        ages: Age of each collector's newest point when it was read, s; all at about the same tick.
        interval_seconds: Collection interval, s.

    Returns:
        Shift in s, within half an interval; 0 without an age.
    """
    rounds = sorted(-age % interval_seconds for age in ages)
    if not rounds:
        return 0.0
    following = [*rounds[1:], rounds[0] + interval_seconds]
    gap, start = max((end - begin, begin) for begin, end in zip(rounds, following, strict=True))
    shift = (start + gap / 2) % interval_seconds
    return shift if shift <= interval_seconds / 2 else shift - interval_seconds
