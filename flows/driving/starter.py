"""The command that started us holds our standard input open: its end is the starter's end, however it died."""

import os
import sys
import threading

from flows.driving import Halt
from phoenix.adapters.prefect.child_flows import STARTER_PIPE


def has_starter() -> bool:
    """Whether a command of ours started this process, and waits for it."""
    return bool(os.environ.get(STARTER_PIPE))


def watch_starter(halt: Halt) -> None:
    """Halt when the starter is gone; nothing where there is none."""
    if has_starter():
        threading.Thread(target=_watch, args=(halt,), name="starter", daemon=True).start()


def _watch(halt: Halt) -> None:
    # Not through sys.stdin: its lock, held, aborts the interpreter's exit.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    halt("its starter ended")
