"""Waits for conditions, never for time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SOONEST, LATEST = 0.02, 0.25
"""Between two looks, s: the longer it takes, the less often, for a look costs what is looked at CPU."""


def eventually(condition: Callable[[], T], *, seconds: float = 120, what: str = "") -> T:
    """The first true value of `condition`; fails with `what` when there is none in time: by default patience, no measure."""
    deadline = time.monotonic() + seconds
    pause = SOONEST
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause)
        pause = min(pause * 1.1, LATEST)
    raise AssertionError(f"not within {seconds:g} s: {what or condition}")
