"""Waits for the run's turn on its hosts, where other runs of the same server may have them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from phoenix.adapters.ports import Host, HostTurns
from phoenix.domain.errors import DependencyError
from phoenix.domain.flow_run import TURN
from phoenix.domain.phases import Phase
from phoenix.services.concurrency import everywhere
from phoenix.services.run.context import Run

WAITS = "waits_for_hosts"
"""The ledger's note of hosts that another run has; the end of the waiting is noted with none."""

ABANDONED_SECONDS = 90.0
"""Hosts whose own leases are free for so long are taken by nobody, whatever the server remembers of dead runs."""

BUSY_SECONDS = 60.0
"""How long a server may be too busy to answer, as one whose SQLite is locked is, until it is left alone."""

_LOOK_SECONDS = 2.0
_HOSTS_LOOK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Time, as a test may replace it."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


REAL_TIME = Pace()


def await_turn(run: Run, purpose: Phase, turns: HostTurns | None, pace: Pace = REAL_TIME) -> None:
    """Wait until no other run of the server has one of the hosts; it is not waited where nobody can be asked.

    Args:
        run: The run.
        purpose: The phase that the hosts are wanted for.
        turns: Asks for the hosts; None where the run is the only one that its server knows.
        pace: Time.

    Raises:
        RunStopped: Somebody asked for the end meanwhile.
    """
    if turns is None:
        return
    _await_slots(run, purpose, turns, pace)
    _await_others(run, purpose, pace)


def _await_slots(run: Run, purpose: Phase, turns: HostTurns, pace: Pace) -> None:
    patience = pace.clock() + BUSY_SECONDS
    if _taken(run, turns, patience, pace):
        return
    run.enter(purpose)
    hosts = [host.name for host in run.hosts]
    run.note(WAITS, {"hosts": hosts})
    free_since: float | None = None
    looked_at = pace.clock() - _HOSTS_LOOK_SECONDS
    while not _taken(run, turns, patience, pace):
        run.check_stop()
        now = pace.clock()
        if now - looked_at >= _HOSTS_LOOK_SECONDS:
            looked_at = now
            free_since = (free_since or now) if _are_free(run) else None
        if free_since is not None and now - free_since >= ABANDONED_SECONDS:
            run.note(WAITS, {"hosts": [], "why": "the server's limit is taken, but no run is on the hosts"})
            return
        pace.pause(_LOOK_SECONDS)
    run.note(WAITS, {"hosts": []})


def _await_others(run: Run, purpose: Phase, pace: Pace) -> None:
    """Wait for runs that the server took the hosts from: one too busy to hear that they live gives them to us."""
    is_noted = False
    while held := _held_by_others(run):
        if not is_noted:
            run.enter(purpose)
            run.note(WAITS, {"hosts": held, "why": "the server gave them away while another run is on them"})
            is_noted = True
        run.check_stop()
        pace.pause(_LOOK_SECONDS)
    if is_noted:
        run.note(WAITS, {"hosts": []})


def _held_by_others(run: Run) -> list[str]:
    """The hosts that another experiment of this ledger has, and is not over with."""
    unfinished = {record.id for record in run.store.unfinished()} - {run.id}
    held: list[str] = []

    def look(host: Host) -> None:
        lease = host.lease()
        if lease is not None and lease.holder in unfinished:
            held.append(host.name)

    if unfinished:
        everywhere(run.hosts, look)
    return sorted(held)


def _taken(run: Run, turns: HostTurns, patience: float, pace: Pace) -> bool:
    """Whether the run need not wait: it has the hosts, or nobody can be asked; a busy server answers soon."""
    try:
        has_taken = turns.take([host.name for host in run.hosts])
    except DependencyError as silence:
        if silence.code == "prefect_busy" and pace.clock() < patience:
            return False
        run.note("without_turn", {"why": silence.message})
        return True
    if has_taken and turns.turn is not None:
        run.note(TURN, {"turn": turns.turn})
    return has_taken


def _are_free(run: Run) -> bool:
    """Whether the hosts themselves know of no other run; one out of reach is no reason to wait, but to fail."""
    held: list[bool] = []

    def look(host: Host) -> None:
        lease = host.lease()
        held.append(lease is not None and lease.holder != run.id)

    everywhere(run.hosts, look)
    return not any(held)
