"""Takes everything of Phoenix's pipelines off one host; begun once, it is finished by whoever finds it."""

from dataclasses import dataclass

from phoenix.adapters.hosts.marks import revision_number
from phoenix.adapters.ports import Host
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import RevisionState
from phoenix.services.deployments.holding import LEASE_LIFETIME

DELETION = "deletion"
"""The owner under which a deletion is owed from its first change on: what is left of it is all that the host keeps."""

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was taken off a host.

    Attributes:
        host: The host's canonical target.
        active: Number of the revision that served; None if nothing did.
        revisions: Numbers of everything the host kept.
    """

    host: str
    active: int | None
    revisions: tuple[int, ...]


def delete_on(host: Host, store: DeploymentStore, why: str, *, spares_others: bool = False) -> Deleted:
    """End what serves on `host` and remove every revision that it keeps; done twice is done once.

    Args:
        host: The host.
        store: The ledger; keeps the revisions as removed.
        why: Who asked for it, for whoever has to finish it.
        spares_others: Leave alone what this ledger does not know: it came after the deletion began.

    Raises:
        StateError: Code `host_taken`.
        DependencyError: It is not finished; it is owed, and recovery's to finish.
    """
    lease = host.acquire(DELETION, LEASE_LIFETIME)
    store.owe(host.name, DELETION, why)
    owners = {revision.owner for revision in store.history(host.name, limit=_ALL)}
    active = host.active()
    spared = spares_others and active is not None and active.owner not in owners
    if not spared:
        host.activate(None, lease)
    removed: list[int] = []
    for one in host.revisions():
        if not spares_others or one.owner in owners:
            host.stop_collector(one.place)
            removed.append(revision_number(one.place) or 0)
    _write_down(host, store)
    host.clear(DELETION)
    store.settle(host.name, DELETION)
    served = None if active is None or spared else revision_number(active.place)
    return Deleted(host.name, served, tuple(removed))


def _write_down(host: Host, store: DeploymentStore) -> None:
    """What serves goes first: at no moment does the ledger say that something serves which does not."""
    left = [
        r for r in store.history(host.name) if r.state not in (RevisionState.FAILED, RevisionState.REMOVED)
    ]
    for revision in sorted(left, key=lambda r: r.state is not RevisionState.ACTIVE):
        store.remove(host.name, revision.number)
