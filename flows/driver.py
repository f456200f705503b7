"""Drives a flow from the command line: `python -m flows.NAME EXPERIMENT`, with a Prefect server if none is named."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from phoenix.adapters.prefect.flow_runs import STARTER_PIPE
from phoenix.adapters.prefect.server import owned_server
from phoenix.services.run.context import Run

LEAVE_SECONDS = 15.0
"""From the end of a flow to the end of its process, at most; ending a server takes 10 s of it at most."""

RETRIES_WHILE_HOSTS_ARE_HELD = 2
"""Outlasts a moment in which the server's SQLite is locked; a server that hangs may cost a run seconds, not minutes.
Before and after it Prefect's own number applies: then nothing waits but the run itself."""

DRAIN_SECONDS = 5.0
"""Draining takes milliseconds; a server that hangs must not hold the clean ending up."""


def drive(flow: Callable[[str], object]) -> None:
    """Run `flow` for the experiment named on the command line.

    A SIGTERM that comes before the flow's body simply ends us: nothing was started on a host yet, and our server
    dies with us.
    """
    (experiment,) = sys.argv[1:]
    with ExitStack() as stack:
        if not os.environ.get("PREFECT_API_URL"):
            url = stack.enter_context(owned_server())
            stack.enter_context(temporary_settings({PREFECT_API_URL: url}))
        try:
            flow(experiment)
        except BaseException:
            _send_what_is_queued()
            raise
        _send_what_is_queued()


def _send_what_is_queued() -> None:
    """Send logs and events while there is a server: at exit they would be tried for a minute against none."""
    APILogWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)
    EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)


@contextmanager
def driven(run: Run) -> Generator[None]:
    """The body of a flow: it heeds signals and waits little for Prefect.

    At its end the hosts are clean and the record is written. A process of the run's own then leaves in time, whatever
    the server does.
    """
    _heed_signals(run)
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: RETRIES_WHILE_HOSTS_ARE_HELD}):
        try:
            yield
        except BaseException:
            _leave_soon(exit_code=1)
            raise
        _leave_soon(exit_code=0)


def _leave_soon(exit_code: int) -> None:
    if os.environ.get(STARTER_PIPE):
        patience = threading.Timer(LEAVE_SECONDS, os._exit, (exit_code,))
        patience.daemon = True
        patience.start()


def _heed_signals(run: Run) -> None:
    """Let SIGTERM, SIGINT and the death of our starter end the run by its own clean way.

    Only the main thread may take signals; elsewhere Prefect's own cancellation applies.
    """
    if threading.current_thread() is threading.main_thread():
        reader, writer = os.pipe()
        threading.Thread(target=_watch_signals, args=(run, reader), name="signals", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Only a write: the code that a handler interrupts may hold the lock that `halt` takes.
            signal.signal(number, lambda n, _frame: os.write(writer, bytes([n])))
    if os.environ.get(STARTER_PIPE):
        threading.Thread(target=_watch_starter, args=(run,), name="starter", daemon=True).start()


def _watch_signals(run: Run, reader: int) -> None:
    while number := os.read(reader, 1):
        run.halt(f"signal {signal.Signals(number[0]).name}")


def _watch_starter(run: Run) -> None:
    """Our standard input is a pipe that the starter holds open: its end is the starter's end."""
    while os.read(
        sys.stdin.fileno(), 4096
    ):  # not through sys.stdin: its lock, held, aborts the interpreter's exit
        pass
    run.halt("its starter ended")
