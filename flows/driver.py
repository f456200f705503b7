"""Drives a flow: from the command line, `python -m flows.NAME EXPERIMENT [REASON]`, and inside of its body."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.exceptions import CancelledRun
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_SERVER_UI_ENABLED,
    temporary_settings,
)

from flows.driving import Halt
from flows.driving.cancellation import watching_cancellation
from flows.driving.ending import cancelled_state, make_way_for_failure
from flows.driving.own_run import OwnFlowRun, own_flow_run
from flows.driving.parent import has_worker, watch_parent
from flows.driving.signals import watch_signals
from flows.driving.starter import has_starter, watch_starter
from phoenix.adapters.drivers import process
from phoenix.adapters.prefect.server import owned_server
from phoenix.services.run.beating import beating
from phoenix.services.run.context import Run
from tasks.announcing import announced
from tasks.publishing import attempt, attempt_once

LEAVE_SECONDS = 15.0
"""From the end of a flow to the end of its process, at most; ending a server takes 10 s of it at most."""

RETRIES_WHILE_HOSTS_ARE_HELD = 2
"""Outlasts a moment in which the server's SQLite is locked; a server that hangs may cost a run seconds, not minutes.
Before and after it Prefect's own number applies: then nothing waits but the run itself."""

DRAIN_SECONDS = 5.0
"""Draining takes milliseconds; a server that hangs must not hold the clean ending up."""


def drive(flow: Callable[..., object]) -> None:
    """Run `flow` for the experiment named on the command line, with the reason where one is given.

    A SIGTERM that comes before the flow's body simply ends us: nothing was started on a host yet, and our server
    dies with us.
    """
    gc.freeze()  # what was imported stays to the end: looking through it again would cost the exit 0.2 s
    with ExitStack() as stack:
        if not os.environ.get("PREFECT_API_URL"):
            url = stack.enter_context(owned_server())
            stack.enter_context(temporary_settings({PREFECT_API_URL: url, PREFECT_SERVER_UI_ENABLED: False}))
        try:
            flow(*sys.argv[1:])
        except CancelledRun:
            # How Prefect tells of a run that was stopped, whose ending is written down: no fault of anybody.
            _send_what_is_queued()
        except BaseException:
            _send_what_is_queued()
            raise
        else:
            _send_what_is_queued()


def _send_what_is_queued() -> None:
    """Send logs and events while there is a server: at exit they would be tried for a minute against none."""
    APILogWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)
    EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)


class Drive:
    """A run that this process drives, and the flow run that shows it."""

    def __init__(self, run: Run, shown: OwnFlowRun | None) -> None:
        self._run = run
        self._shown = shown

    def state(self) -> State | None:
        """What the flow returns, so that its flow run ends as the run did: Cancelled where it was stopped."""
        return cancelled_state(self._run, self._shown)


@contextmanager
def driven(run: Run) -> Generator[Drive]:
    """The body of a flow that drives an experiment: it says who drives, heeds its watchers, waits little for Prefect.

    At its end the hosts are clean and the record is written. A process of the run's own then leaves in time, whatever
    the server does.
    """
    shown = own_flow_run()
    for watch in (watch_signals, watch_starter, watch_parent):
        watch(run.halt)
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES_WHILE_HOSTS_ARE_HELD}),
        watching_cancellation(run.halt, shown),
    ):
        _introduce(run, shown)
        try:
            with beating(run), announced(run):
                yield Drive(run, shown)
        except BaseException:
            _leave_soon(run, exit_code=1)
            make_way_for_failure(run, shown)
            raise
        _leave_soon(run, exit_code=0)


@contextmanager
def driven_alone(halt: Halt | None = None) -> Generator[None]:
    """The body of a flow that drives no experiment: it says who drives it.

    Args:
        halt: Asks it to end soon; without it Prefect ends it as it ends any flow.
    """
    shown = own_flow_run()
    driver = process(os.getpid())
    if shown is not None and driver is not None:
        attempt_once("saying who drives the run", lambda: shown.tell_driver(driver, None))
    with ExitStack() as stack:
        if halt is not None:
            watch_signals(halt)
            watch_parent(halt)
            stack.enter_context(watching_cancellation(halt, shown))
        yield


def _introduce(run: Run, shown: OwnFlowRun | None) -> None:
    """Let each find the other: the ledger names the flow run, and its labels name the experiment and who drives."""
    if shown is None:
        return
    run.note("flow_run", {"id": shown.id, "url": shown.url})
    driver = run.driver
    if driver is not None:
        attempt(run, "saying who drives the run", lambda: shown.tell_driver(driver, run.id))


def _leave_soon(run: Run, exit_code: int) -> None:
    """Nobody waits longer for a process that a command started, or that was told to end."""
    if has_starter() or (has_worker() and run.halted.is_set()):
        patience = threading.Timer(LEAVE_SECONDS, os._exit, (exit_code,))
        patience.daemon = True
        patience.start()
