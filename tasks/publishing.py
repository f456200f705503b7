"""What a run asks of the Prefect server is for people to look at: without an answer the run goes on."""

import logging
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from phoenix.services.run.context import Run

T = TypeVar("T")

LOG = logging.getLogger(__name__)

FAILURES_BORNE = 3
"""Each may take the whole request timeout beside the measurement; a server that failed so often is left alone."""

_failures: "WeakKeyDictionary[Run, int]" = WeakKeyDictionary()


def attempt(run: Run, what: str, call: Callable[[], T]) -> T | None:
    """Call the server, unless it failed too often in this run.

    Args:
        run: Whose failures count.
        what: What is attempted, for the log: "publishing the plan".
        call: The request.

    Returns:
        What the call returns; None if it failed or was not tried.
    """
    failures = _failures.get(run, 0)
    if failures >= FAILURES_BORNE:
        return None
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever the client raises, the run does not depend on it
        _failures[run] = failures + 1
        LOG.warning(
            "The Prefect server failed at %s (failure %d of the %d borne; the run goes on): %s: %s",
            what,
            failures + 1,
            FAILURES_BORNE,
            type(error).__name__,
            error,
        )
        return None


def attempt_once(what: str, call: Callable[[], T]) -> T | None:
    """Call the server once, for a flow without an experiment; None if it failed.

    Args:
        what: See `attempt`.
        call: The request.
    """
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - see `attempt`
        LOG.warning("The Prefect server failed at %s: %s: %s", what, type(error).__name__, error)
        return None
