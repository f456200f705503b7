"""The stages in which a promotion reaches many hosts: one first, then growing batches."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

LARGEST_STAGE = 50
"""Hosts that one breach can reach at once, however large the fleet is."""


def stages(hosts: Sequence[T], *, growth: int = 3, largest: int = LARGEST_STAGE) -> tuple[tuple[T, ...], ...]:
    """Split `hosts` into one canary, then stages `growth` times the one before, up to `largest`.

    Args:
        hosts: In the order in which they shall be reached; it is kept, and each is in exactly one stage.
        growth: How many times larger each stage is than the one before, at least 1.
        largest: The most hosts of one stage, at least 1.

    Returns:
        The stages in order, none empty; the last one takes what is left. Nothing for no hosts.

    Raises:
        ValueError: `growth` or `largest` is below 1.

    References:
        Beyer et al., Site Reliability Engineering (2016), chapter 27, "Gradual and Staged Rollouts".

    Example:
        >>> stages(["web-1", "web-2", "web-3", "web-4", "web-5"])
        (('web-1',), ('web-2', 'web-3', 'web-4'), ('web-5',))
    """
    if growth < 1 or largest < 1:
        raise ValueError(f"growth ({growth}) and largest ({largest}) must be at least 1")
    found: list[tuple[T, ...]] = []
    start, size = 0, 1
    while start < len(hosts):
        found.append(tuple(hosts[start : start + size]))
        start, size = start + size, min(size * growth, largest)
    return tuple(found)
