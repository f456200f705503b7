"""What every task of a run shares: no result cache, and a retry only for what the outside did."""

from collections.abc import Callable
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE


def step(name: str) -> Callable[[Callable[..., Any]], Task[..., Any]]:
    """A Prefect task named as people read it.

    Steps are not retried as a whole: each has side effects on hosts, and the ledger brackets them once. What may be
    tried again (a port taken, a scrape) is tried inside, where it is known to be safe.
    """
    return task(name=name, cache_policy=NO_CACHE, persist_result=False)
