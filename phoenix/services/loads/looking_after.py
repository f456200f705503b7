"""Sees to the end of a load run that nobody waits for."""

import logging
import time
from threading import Thread

from phoenix.domain.errors import PhoenixError
from phoenix.services.loads.verbs import Loads, Started

LOOK_SECONDS = 0.5
"""Between two looks whether a keeper still runs; that costs one system call."""

log = logging.getLogger(__name__)


def look_after(loads: Loads, started: Started) -> None:
    """Bring a run to its end should its keeper die, for as long as this process lives; returns at once.

    Until its keeper names itself, this process answers for the run: without somebody who looks, one whose keeper died
    before that would be starting for as long as this process lives.
    """
    Thread(target=_watch, args=(loads, started), name=f"look-after-{started.run.id}", daemon=True).start()


def _watch(loads: Loads, started: Started) -> None:
    while started.keeper.poll() is None:
        time.sleep(LOOK_SECONDS)
    try:
        loads.look(started)
    except PhoenixError as fault:
        log.warning("the load run %s: %s", started.run.id, fault.message)
