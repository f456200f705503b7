"""A worker, or the process that serves a flow, is watched by the kernel's handle of it: nobody else tells of its death."""

import os
import select
import threading
from pathlib import Path

from flows.driving import Halt
from flows.driving.output import discard_output, survive_broken_output
from flows.driving.starter import has_starter

FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Set by Prefect in the environment of a flow's process that a worker or a runner starts."""

PARENT_ENDED = "its worker ended"


def has_worker() -> bool:
    """Whether a worker, or a process that serves the flow, started this process."""
    return not has_starter() and bool(os.environ.get(FLOW_RUN))


def watch_parent(halt: Halt) -> None:
    """Halt when the worker that started this process is gone; nothing where none did, or a starter of ours did.

    Without its worker nobody would cancel the run, or say how it ended.
    """
    if not has_worker():
        return
    survive_broken_output()
    parent = os.getppid()
    try:
        handle = os.pidfd_open(parent)
    except OSError:
        _tell(halt)
        return
    if os.getppid() != parent or not _is_python(parent):
        # It died before we looked, and init or somebody like it has taken us in.
        os.close(handle)
        _tell(halt)
        return
    threading.Thread(target=_watch, args=(halt, handle), name="parent", daemon=True).start()


def _watch(halt: Halt, handle: int) -> None:
    select.select([handle], [], [])
    _tell(halt)


def _tell(halt: Halt) -> None:
    discard_output()  # which it has read
    halt(PARENT_ENDED)


def _is_python(pid: int) -> bool:
    """Workers are Python; where that cannot be seen, it is believed."""
    try:
        return "python" in Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return True
