"""Says that a driver lives, for as long as it does: a scrape may be minutes apart, and a clean-up may take as long."""

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

from phoenix.domain.errors import PhoenixError
from phoenix.services.run.context import Run

BEAT_SECONDS = 30.0
"""A quarter of the silence after which a driver elsewhere is held for lost (`phoenix.adapters.drivers.SILENCE`)."""


@contextmanager
def beating(run: Run, seconds: float = BEAT_SECONDS) -> Generator[None]:
    """Beat beside the body, until another process drives the run."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(run, over, seconds), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(BEAT_SECONDS)


def _beat(run: Run, over: threading.Event, seconds: float) -> None:
    while not over.wait(seconds):
        with suppress(PhoenixError):  # the store may be away for a moment, or the experiment deleted
            if run.store.beat(run.id).driver != run.driver:
                return
