"""What judging costs while a person is asked whether to promote: `python -m benchmarks.waiting`, CPU time, the median of 7."""

import time
from collections.abc import Callable
from statistics import median

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.waiting import breaches, breaches_of_all, stretch_scrapes
from phoenix.domain.metrics import Metric
from tests.domain.runs import KEEP_CRITICAL, design, guardrail, scrape

REPETITIONS = 7


def measured(hosts: int, wait_scrapes: int) -> str:
    """One line: the last scrape of a stretch, and everything together."""
    names = tuple(f"web-{number}" for number in range(hosts))
    plan = design(
        KEEP_CRITICAL,
        guardrail(Metric.COLLECTOR_CPU_CORES, Kind.MAXIMUM_INCREASE, 0.2),
        guardrail(Metric.COLLECTOR_MEMORY_BYTES, Kind.MAXIMUM, 1e8),
        hosts=names,
        minimum_scrapes=120,
    )
    length = stretch_scrapes(plan)
    stretch = [scrape(number, host=host) for number in range(1, length + 1) for host in names]
    everything = [scrape(number, host=host) for number in range(1, wait_scrapes + 1) for host in names]
    return (
        f"{hosts} hosts: {_milliseconds(lambda: breaches(stretch, plan, 1)):.1f} ms at scrape {length} of a stretch,"
        f" {_milliseconds(lambda: breaches_of_all(everything, plan)):.0f} ms for {len(everything)} scrapes together"
    )


def _milliseconds(work: Callable[[], object]) -> float:
    work()  # warm: caches are part of how it is used
    taken: list[float] = []
    for _ in range(REPETITIONS):
        begun = time.process_time()
        work()
        taken.append(1e3 * (time.process_time() - begun))
    return median(taken)


if __name__ == "__main__":
    print(measured(1, 3600))
    print(measured(10, 2000))
