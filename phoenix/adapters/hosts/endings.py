"""Ending processes for sure: asked first, then killed, then looked for again."""

import signal
import time
from collections.abc import Callable, Sequence

from phoenix.adapters.machines.machine import Machine, Row, is_alive
from phoenix.domain.errors import DependencyError

GRACE_SECONDS = 5.0
"""A collector ends 7-70 ms after SIGTERM; the rest is for a busy host."""

_KILL_SECONDS = 5.0
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


def end_all(machine: Machine, find: Callable[[], Sequence[Row]], grace: float = GRACE_SECONDS) -> None:
    """End all processes that `find` shows, until it shows none.

    Args:
        machine: Where they run.
        find: Looks at the process table afresh on each call.
        grace: How long they may take to end by themselves, s.

    Raises:
        DependencyError: Some survive even SIGKILL.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILL_SECONDS)):
        if _end_by(machine, number, find, time.monotonic() + patience):
            return
    survivors = ", ".join(f"{one.name} ({one.pid})" for one in find())
    if survivors:
        raise DependencyError(
            f"processes survive SIGKILL: {survivors}",
            code="unkillable",
            hint="they hang in the kernel; see `ps -o pid,stat,wchan` and the host's disks",
        )


def _end_by(
    machine: Machine, number: signal.Signals, find: Callable[[], Sequence[Row]], deadline: float
) -> bool:
    """Signal everyone once, newcomers too; whether all are gone by the deadline."""
    signalled: set[Row] = set()
    while True:
        # Looked at twice: a process that forks and exits during one look can hide its child from it.
        found = find() or find()
        if not found:
            return True
        for one in found:
            if one not in signalled:
                machine.deliver(one, number)
                signalled.add(one)
        await_gone(machine, found, deadline)
        if time.monotonic() >= deadline:
            return not find()


def await_gone(machine: Machine, found: Sequence[Row], deadline: float) -> None:
    """Return when all of them are gone, or at the deadline (monotonic clock)."""
    pause = _FIRST_PAUSE
    left = [one for one in found if is_alive(machine, one)]
    while left and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        left = [one for one in left if is_alive(machine, one)]
