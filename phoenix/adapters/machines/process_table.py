"""The kernel's process table, as proc(5) writes it.

Start times are the kernel's own ticks since boot: unlike a creation time computed from the wall clock they do not move
when the clock is set, and so, together with the pid, identify a process for as long as the machine is up.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from phoenix.adapters.machines.machine import Row

MARK = "PHOENIX_"
"""Begins the names of the variables that say whose a process is."""

_KERNEL_THREAD = 0x00200000
_LOOKS_AT_EMPTY = 3
_DEAD = ("Z", "X")


def parsed(pid: int, stat: str) -> tuple[Row, bool] | None:
    """A line of /proc/PID/stat as a row, and whether it is a kernel thread; None for what is dead or gone.

    The name may contain blanks and brackets, so the fields are counted from the last closing one.
    """
    head, _, tail = stat.rpartition(")")
    fields = tail.split()
    if not fields or fields[0] in _DEAD:
        return None
    one = Row(pid, started=int(fields[19]), session=int(fields[3]), name=head.partition("(")[2])
    return one, bool(int(fields[6]) & _KERNEL_THREAD)


def marks_in(environment: bytes) -> dict[str, str]:
    """Our variables in the NUL-separated environment of a process."""
    pairs = (entry.partition("=") for entry in os.fsdecode(environment).split("\0"))
    return {key: value for key, _, value in pairs if key.startswith(MARK)}


def row(pid: int) -> Row | None:
    """The living process `pid` of this machine, without its marks."""
    found = _stat(pid)
    return found[0] if found else None


def rows() -> Iterator[Row]:
    """All living processes of this machine with their marks; kernel threads, ourselves and our ancestors apart.

    Whatever marks we inherited, ending our lineage would end the one who cleans up.
    """
    apart = _own_lineage()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or (pid := int(entry.name)) in apart:
            continue
        found = _stat(pid)
        if found and not found[1]:
            one = found[0]
            yield Row(pid, one.started, one.session, one.name, _marks(pid))


def deliver(one: Row, number: signal.Signals) -> None:
    """Signal that very process: a pid that was given to another one meanwhile is left alone."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return
    try:
        # The handle is tied to who holds the pid now, so the comparison cannot become untrue afterwards.
        now = row(one.pid)
        if now is not None and now.started == one.started:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def _stat(pid: int) -> tuple[Row, bool] | None:
    try:
        return parsed(pid, Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace"))
    except OSError:
        return None


def _marks(pid: int) -> Mapping[str, str]:
    for _ in range(_LOOKS_AT_EMPTY):
        try:
            data = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return {}
        # Empty for an instant while it executes its program, and always for a few daemons.
        if data:
            return marks_in(data)
        os.sched_yield()
    return {}


def _own_lineage() -> frozenset[int]:
    pids: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        try:
            tail = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace").rpartition(")")[2]
        except OSError:
            break
        pid = int(tail.split()[1])
    return frozenset(pids)
