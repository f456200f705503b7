"""The kernel's process table, read for supervision: who runs, since when, in which session, with which marks.

Start times are the kernel's own ticks since boot: unlike a creation time computed from the wall clock they do not move
when the clock is set, and so, together with the pid, identify a process for as long as the host is up.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KERNEL_THREAD = 0x00200000
_LOOKS_AT_EMPTY = 3
_DEAD = ("Z", "X")


@dataclass(frozen=True, slots=True)
class Row:
    """A process.

    Attributes:
        started: Clock ticks since boot.
        session: Process id of its session's leader, who may be gone.
    """

    pid: int
    started: int
    session: int
    name: str


def boot_id() -> str:
    """Changes with every boot; a record of another boot speaks of dead processes."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def row(pid: int) -> Row | None:
    """The living process `pid`; None if there is none or only its zombie waits to be reaped."""
    fields = _stat(pid)
    if fields is None or fields[1] in _DEAD:
        return None
    return Row(pid, started=int(fields[20]), session=int(fields[4]), name=fields[0])


def rows() -> Iterator[Row]:
    """All living processes except kernel threads."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        fields = _stat(int(entry.name))
        if fields and fields[1] not in _DEAD and not int(fields[7]) & _KERNEL_THREAD:
            yield Row(int(entry.name), started=int(fields[20]), session=int(fields[4]), name=fields[0])


def _stat(pid: int) -> list[str] | None:
    """Name, state and what follows in proc(5)'s stat; the name may contain blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
    except OSError:
        return None
    head, _, tail = text.rpartition(")")
    return [head.partition("(")[2], *tail.split()] if tail else None


def is_alive(one: Row) -> bool:
    """That very process, not another one under its pid."""
    now = row(one.pid)
    return now is not None and now.started == one.started


def environment(pid: int) -> dict[str, str]:
    """The environment `pid` was started with; empty if it is gone or not ours to read."""
    for _ in range(_LOOKS_AT_EMPTY):
        try:
            data = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return {}
        # Empty for an instant while it executes its program, and always for a few daemons.
        if data:
            pairs = (entry.partition("=") for entry in os.fsdecode(data).split("\0"))
            return {key: value for key, _, value in pairs if key}
        os.sched_yield()
    return {}


def deliver(one: Row, number: signal.Signals) -> None:
    """Signal that very process: a pid that was given to another one meanwhile is left alone."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return
    try:
        # The handle is tied to who holds the pid now, so the comparison cannot become untrue afterwards.
        if is_alive(one):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def own_lineage() -> frozenset[int]:
    """This process and its ancestors: whatever marks they inherited, ending them would end the one who cleans up."""
    pids: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        fields = _stat(pid)
        if fields is None:
            break
        pid = int(fields[2])
    return frozenset(pids)
