"""Work on many hosts at once, and not on more than we and they can bear."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

AT_ONCE = 16
"""Hosts that are worked on at the same time: most of the time is spent waiting for them, and each costs a thread."""

T = TypeVar("T")
R = TypeVar("R")


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
    faults: list[tuple[T, Exception]] = []
    for place, future in started:
        fault = future.exception()
        if isinstance(fault, Exception):
            faults.append((place, fault))
        elif fault is not None:
            raise fault
    return tuple(faults)


@contextmanager
def open_everywhere(
    places: Sequence[T], session: Callable[[T], AbstractContextManager[R]]
) -> Generator[tuple[R, ...]]:
    """A session at every place, all begun at once and all ended at once; in the order of `places`.

    A session that does not end is no fault here: whoever cleans the place up finds what is left of it.

    Raises:
        Exception: What the first place that failed raised at the beginning; the sessions of the others are ended.
    """
    stacks = [ExitStack() for _ in places]
    found: dict[int, R] = {}

    def begin(number: int) -> None:
        found[number] = stacks[number].enter_context(session(places[number]))

    try:
        for _, fault in everywhere(range(len(places)), begin):
            raise fault
        yield tuple(found[number] for number in range(len(places)))
    finally:
        everywhere(stacks, ExitStack.close)
