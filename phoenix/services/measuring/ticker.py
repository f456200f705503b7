"""An absolute schedule of ticks: late ones are left out, never bunched."""

import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event


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

    def wait(self) -> float:
        """Wait for the next tick; the first comes at once. Ticks that have passed meanwhile are left out.

        Returns:
            Time since the first tick, s, when the wait ended; earlier than the tick where it was interrupted.
        """
        now = self._clock()
        if self._origin is None:
            self._origin = now
        elapsed = now - self._origin
        if elapsed > self._next:
            passed = math.floor((elapsed - self._next) / self._interval)
            self._next += (passed + 1) * self._interval
        if not self._interrupted.wait(max(0.0, self._next - elapsed)):
            self._next += self._interval
        return self._clock() - self._origin

    def align(self, ages: Sequence[float]) -> float:
        """Shift the schedule once so that collectors are read in the middle between two of their rounds.

        Args:
            ages: Age of each collector's newest point when it was read at the last tick, s.

        Returns:
            By how much the ticks come later from now on, s; at most half an interval either way.
        """
        shift = mid_interval_shift(ages, self._interval)
        self._next += shift
        return shift


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
