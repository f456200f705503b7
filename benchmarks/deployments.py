"""Real deployments on hosts of this machine, sixteen at once against one after the other.

CPU is that of Phoenix and of the programs it waits for; what the deployed collectors use themselves is not in it, for
those that are deployed first run longest.
"""

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from phoenix.composition import Phoenix
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.deployments.deploying import Deployed
from phoenix.services.deployments.rollout import Ended
from phoenix.settings import Settings

HOSTS = 50


class Cost(NamedTuple):
    """What a piece of work took, s."""

    wall: float
    cpu: float


def measure(work: Callable[[], object]) -> Cost:
    began, used = time.monotonic(), _cpu_seconds()
    work()
    return Cost(time.monotonic() - began, _cpu_seconds() - used)


def deploy(home: Path, count: int, at_once: int) -> Cost:
    """Deploy the catalog's topk on `count` new hosts, and take it off them again, which is not counted."""
    phoenix = Phoenix(Settings(home=home))
    resolved = phoenix.pipelines.named("topk")
    targets = [f"local://bench-{at_once}-{number}" for number in range(count)]
    try:
        cost = measure(lambda: _demand(phoenix.deployments.deploy(resolved, targets, concurrency=at_once)))
    finally:
        phoenix.deployments.delete(targets)
    return cost


def ratios(home: Path, count: int = HOSTS) -> tuple[Cost, Cost, Cost]:
    """One after the other, sixteen at once, and the second by the first."""
    deploy(home, 1, 1)  # warm: the database is made, the collector's digest is known
    one_by_one = deploy(home, count, 1)
    at_once = deploy(home, count, AT_ONCE)
    return one_by_one, at_once, Cost(at_once.wall / one_by_one.wall, at_once.cpu / one_by_one.cpu)


def compare() -> str:
    with tempfile.TemporaryDirectory(prefix="phoenix-bench-") as folder:
        one_by_one, at_once, ratio = ratios(Path(folder))
    return (
        f"deploy on {HOSTS} hosts of this machine, {AT_ONCE} at once: {at_once.wall:.1f} s, {at_once.cpu:.2f} s of CPU; "
        f"one after the other {one_by_one.wall:.1f} s, {one_by_one.cpu:.2f} s of CPU; "
        f"ratios {ratio.wall:.2f} and {ratio.cpu:.2f}"
    )


def _demand(ended: Sequence[Ended[Deployed]]) -> None:
    for one in ended:
        if one.fault is not None:
            raise one.fault


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
