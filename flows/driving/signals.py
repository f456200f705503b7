"""SIGTERM and SIGINT end a run by its own clean way."""

import os
import signal
import threading

from flows.driving import Halt


def watch_signals(halt: Halt) -> None:
    """Heed them from now on, to the end of the process.

    Prefect's own handler raises wherever the code stands, also in the middle of a clean-up; ours takes its place. A
    worker that cancels a run sees that, sends SIGTERM, and gives us 30 s to leave before it kills. Ours stays when
    the body is over: a signal that comes then must not turn an ending that is written down already into a crash.

    Only the main thread may take signals; elsewhere Prefect's own cancellation applies.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    threading.Thread(target=_watch, args=(halt, reader), name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Only a write: the code that a handler interrupts may hold the lock that `halt` takes.
        signal.signal(number, lambda n, _frame: os.write(writer, bytes([n])))


def _watch(halt: Halt, reader: int) -> None:
    while number := os.read(reader, 1):
        halt(f"signal {signal.Signals(number[0]).name}")
