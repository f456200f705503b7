"""Runs two pieces of work in alternation and says by how much the first is cheaper."""

import time
from collections.abc import Callable
from statistics import median

PAIRS = 7


def ratio(what: str, ours: Callable[[], object], peer: Callable[[], object], peer_name: str) -> str:
    """One line: medians of both, and the median of the pairs' ratios with its range."""
    ours(), peer()  # warm: caches are part of how either is used
    pairs = [(_cpu_seconds(ours), _cpu_seconds(peer)) for _ in range(PAIRS)]
    ratios = sorted(mine / theirs for mine, theirs in pairs)
    mine, theirs = (median(side) * 1e3 for side in zip(*pairs, strict=True))
    return (
        f"{what}: {mine:.2f} ms, {peer_name} {theirs:.2f} ms of CPU; "
        f"ratio {median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] over {PAIRS} pairs"
    )


def _cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
