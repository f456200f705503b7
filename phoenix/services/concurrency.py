"""Work on many hosts at once, and not on more than we and they can bear."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 16
"""Hosts that are worked on at the same time: most of the time is spent waiting for them, and each costs a thread."""

T = TypeVar("T")


def everywhere(places: Sequence[T], act: Callable[[T], object]) -> tuple[tuple[T, Exception], ...]:
    """Act on every place, whatever fails at others.

    Args:
        places: Hosts, or what stands for them.
        act: Called once for each, in threads of its own.

    Returns:
        Each place that failed with its fault, in the order of `places`.
    """
    if not places:
        return ()
    with ThreadPoolExecutor(min(AT_ONCE, len(places)), "everywhere") as threads:
        started = [(place, threads.submit(act, place)) for place in places]
    faults = ((place, future.exception()) for place, future in started)
    return tuple((place, fault) for place, fault in faults if isinstance(fault, Exception))
