"""Takes a promotion back that held: on every host, what served before it serves again."""

from phoenix.adapters.ports import Host
from phoenix.domain.errors import PhoenixError, StateError
from phoenix.domain.phases import Outcome, Phase
from phoenix.services.concurrency import everywhere
from phoenix.services.run import promoting
from phoenix.services.run.context import Run

REQUESTED = "rollback_requested"
"""The ledger's note of a person's wish: whoever finds it unfulfilled must fulfil it."""


def roll_back(run: Run) -> None:
    """Restore every host at which this experiment's candidate still serves; what others put there since stays.

    Raises:
        StateError: Somebody else holds a host, or it serves nowhere any more; nothing was changed.
        DependencyError: Code `take_back_incomplete`, if a host could not be restored; the others are.
    """
    run.purpose = "rollback"
    run.enter(Phase.ROLLING_BACK)
    silent = _take(run)
    if not silent and not any(_serves(run, host) for host in run.hosts):
        raise StateError(
            f"The candidate of {run.document.metadata.name} serves on no host any more: others took its place.",
            code="nothing_to_roll_back",
            hint="phoenix pipeline status says what serves; phoenix pipeline rollback goes back from that",
        )
    restore(run)
    run.outcome = Outcome.REVERTED


def restore(run: Run) -> None:
    """See `promoting.take_back`, but a host at which something else serves by now is left as it is."""
    promoting.take_back(run, spares=lambda host: not _serves(run, host))


def _take(run: Run) -> tuple[Host, ...]:
    """Take every host; returns those that did not answer, at which the restoring will fail and be owed."""

    def take(host: Host) -> None:
        with run.step(f"lease@{host.name}") as outcome:
            run.leases[host.name] = host.acquire(run.id, run.lease_lifetime)
            outcome["fence"] = run.leases[host.name].fence

    faults = everywhere(run.hosts, take)
    for _, fault in faults:
        if isinstance(fault, StateError) or not isinstance(fault, PhoenixError):
            raise fault
    return tuple(host for host, _ in faults)


def _serves(run: Run, host: Host) -> bool:
    active = host.active()
    return active is not None and active.owner == run.id
