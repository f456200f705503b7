"""Tells others what happens in a run while it is driven: events to Prefect, notices to people."""

import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import copy_context

from prefect.settings import PREFECT_API_URL

from phoenix.adapters.notifications import AppriseNotifier
from phoenix.adapters.ports import Notifier
from phoenix.adapters.prefect.events import PrefectEvents
from phoenix.composition import compose
from phoenix.domain.errors import PhoenixError
from phoenix.services.announcing.announcer import LAST_SECONDS, Announcer
from phoenix.services.run.context import Run
from tasks.artifacts import publish_ending

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""A look reads one row of the ledger's index; a breach is told within it."""

FINISH_SECONDS = 3 * LAST_SECONDS
"""A server that hangs holds up the last look, then people's messages have theirs; after that nobody waits."""


@contextmanager
def announced(run: Run) -> Generator[None]:
    """Announce what the ledger says while the body runs; what is known in the end is published after it."""
    over = threading.Event()
    thread = threading.Thread(
        # Settings such as the server's URL are of the context, which a thread does not inherit.
        target=copy_context().run,
        args=(_announce, _announcer(run), over),
        name="announcing",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        publish_ending(run)
        thread.join(FINISH_SECONDS)


def _announce(announcer: Announcer, over: threading.Event) -> None:
    is_over = False
    has_failed = False
    while not is_over:
        is_over = over.wait(LOOK_SECONDS)
        try:
            announcer.finish() if is_over else announcer.look()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with telling, the run does not depend on it
            if not has_failed:
                LOG.warning("The run goes on without being announced: %s: %s", type(error).__name__, error)
            has_failed = True


def _announcer(run: Run) -> Announcer:
    url = PREFECT_API_URL.value()
    return Announcer(
        run.id, run.store, PrefectEvents(url, os.environ) if url else None, people_told(), run.archive
    )


def people_told() -> Notifier:
    """Who tells people. A setting that was broken since a door accepted it costs the notices, not the run."""
    try:
        return compose().notifier
    except PhoenixError as error:
        LOG.warning("The run goes on without notices: %s", error)
        return AppriseNotifier(())
