"""A run that is cancelled in Prefect: a worker is told, a direct run has to look."""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import copy_context

from flows.driving import Halt
from flows.driving.own_run import OwnFlowRun

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""A look costs the server some 10 ms; somebody who cancels a run waits for the next one."""

LONGEST_PAUSE_SECONDS = 24.0
"""Between two looks at a server that does not answer: it may come back, and somebody may cancel the run then."""

CANCELLED = "cancelled in Prefect"


@contextmanager
def watching_cancellation(halt: Halt, run: OwnFlowRun | None) -> Generator[None]:
    """Halt as soon as somebody cancels the run, in every phase; nothing where there is no flow run."""
    over = threading.Event()
    if run is None:
        yield
        return
    # Settings such as the server's URL are of the context, which a thread does not inherit.
    target = copy_context().run
    threading.Thread(target=target, args=(_watch, halt, run, over), name="cancellation", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(halt: Halt, run: OwnFlowRun, over: threading.Event) -> None:
    pause = LOOK_SECONDS
    while not over.wait(pause):
        try:
            is_cancelled = run.is_cancelled()
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the run does not depend on it
            if pause == LOOK_SECONDS:
                LOG.info("Nobody says whether the run was cancelled: %s: %s", type(error).__name__, error)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            continue
        pause = LOOK_SECONDS
        if is_cancelled and not over.is_set():
            halt(CANCELLED)
            return
