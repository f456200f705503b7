"""Recovery on one host: see `phoenix.services.deployments.recovery`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from phoenix.adapters.hosts.marks import revision_place
from phoenix.adapters.ports import Host, Lease
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Owed, Revision, RevisionState
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.domain.record import Driver
from phoenix.services.deployments.deleting import DELETION, delete_on
from phoenix.services.deployments.holding import LEASE_LIFETIME, PREFIX, is_done, new_owner
from phoenix.services.handover import give_back

Lives = Callable[[Driver], bool | None]
"""Whether a driver still runs; None where that cannot be seen from here."""

LOST = "its driver was lost before it served"


@dataclass(frozen=True, slots=True)
class HostRepair:
    """What recovery did on one host about one thing.

    Attributes:
        host: The host's canonical target.
        name: The deployment's name, or the owner of what was owed.
        revision: Its number; None for what was only owed.
        ended: How the revision stands now; None where it was left alone.
        words: What was done or why not, one sentence.
        failed: It was tried and did not succeed; it is tried again next time.
    """

    host: str
    name: str
    revision: int | None
    ended: RevisionState | None
    words: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """What one host may need.

    Attributes:
        host: Its canonical target.
        pending: Revisions whose driver may be lost, by number.
        owed: What is owed there.
        active: What should serve there and is to be looked at; None where only the others are.
    """

    host: str
    pending: tuple[Revision, ...]
    owed: tuple[Owed, ...]
    active: Revision | None = None

    def owes(self, owner: str) -> bool:
        return any(one.owner == owner for one in self.owed)


@dataclass(frozen=True, slots=True)
class HostRecovery:
    """Repairs one host.

    Raises (every method): DependencyError where the host does not answer.
    """

    host: Host
    store: DeploymentStore
    me: Driver
    lives: Lives

    def run(self, task: Task) -> list[HostRepair]:
        """Do what `task` needs; what is done is told, what was right already is not."""
        for deletion in [one for one in task.owed if one.owner == DELETION]:
            delete_on(self.host, self.store, deletion.why, spares_others=True)
            return [
                HostRepair(self.host.name, DELETION, None, RevisionState.REMOVED, "the deletion was finished")
            ]
        lost = [one for one in task.pending if task.owes(one.owner) or self._is_lost(one)]
        repairs = self._settled(lost) if lost else []
        owners = {one.owner for one in task.pending}
        repairs += [self._cleared(owed) for owed in task.owed if owed.owner not in owners]
        if task.active is not None and not task.pending:
            repairs += self._serving(task.active)
        return repairs

    def _is_lost(self, revision: Revision) -> bool:
        """Where the driver cannot be seen, its lease tells: it keeps that while it lives."""
        alive = self.lives(revision.driver) if revision.driver else False
        if alive is None:
            lease = self.host.lease()
            return lease is None or lease.holder != revision.owner
        return not alive

    def _settled(self, lost: list[Revision]) -> list[HostRepair]:
        claimed, repairs = self._claimed(lost)
        if not claimed:
            return repairs
        lease = self._lease(claimed)
        try:
            return [*repairs, *(self._settle(revision, lease) for revision in claimed)]
        finally:
            if isinstance(lease, Lease):
                self.host.release(lease.holder)

    def _claimed(self, lost: list[Revision]) -> tuple[list[Revision], list[HostRepair]]:
        """What is ours to settle; the lease of what another recovery has in its hands is not ours to give back."""
        claimed: list[Revision] = []
        repairs: list[HostRepair] = []
        for revision in lost:
            try:
                self.store.claim(self.host.name, revision.number, self.me, instead_of=revision.driver)
                claimed.append(revision)
            except StateError as fault:
                repairs.append(self._left_alone(revision, fault))
        return claimed, repairs

    def _left_alone(self, revision: Revision, why: StateError) -> HostRepair:
        words = f"left alone: {why.message}"
        return HostRepair(self.host.name, revision.name, revision.number, None, words)

    def _lease(self, lost: list[Revision]) -> Lease | StateError:
        """As one of the lost, who may hold it still; else why there is none."""
        refusals: list[StateError] = []
        for revision in reversed(lost):
            try:
                return self.host.acquire(revision.owner, LEASE_LIFETIME)
            except StateError as fault:
                refusals.append(fault)
        return refusals[0]

    def _settle(self, revision: Revision, lease: Lease | StateError) -> HostRepair:
        host, store = self.host, self.store
        try:
            ended = self._brought_to_its_end(revision, lease)
        except StateError as fault:
            return self._left_alone(revision, fault)
        if ended is RevisionState.ACTIVE:
            store.activate(host.name, revision.number, datetime.now(UTC))
            words = "it serves; its driver was lost after the switch"
        else:
            store.fail(host.name, revision.number, LOST)
            words = "what served before serves; its driver was lost before the switch"
        host.clear(revision.owner)
        store.settle(host.name, revision.owner)
        return HostRepair(host.name, revision.name, revision.number, ended, words)

    def _brought_to_its_end(self, revision: Revision, lease: Lease | StateError) -> RevisionState:
        host, place = self.host, revision_place(revision.number)
        before = self._kept(revision.previous)
        active = host.active()
        is_linked = active is not None and active.place == place
        if is_linked and host.exit_reason(place) is None:
            if before is not None:
                host.retire(before)
            return RevisionState.ACTIVE
        if is_linked and before is None and self._revives(place, lease):
            return RevisionState.ACTIVE
        to = active.place if active is not None and not is_linked else before
        if isinstance(lease, Lease):
            give_back(host, lease, place, to)
        elif to is None or is_linked or host.exit_reason(to) is not None:
            raise lease
        else:
            host.stop_collector(place)
        return RevisionState.FAILED

    def _revives(self, place: str, lease: Lease | StateError) -> bool:
        """Nothing served before it, and it served: whatever ended it since, it is what there is."""
        if not isinstance(lease, Lease):
            raise lease
        try:
            self.host.revive(place, lease)
        except PhoenixError:
            return False
        return True

    def _kept(self, number: int | None) -> str | None:
        place = revision_place(number) if number else None
        return place if place and self.host.collector(place) is not None else None

    def _cleared(self, owed: Owed) -> HostRepair:
        self.host.clear(owed.owner)
        if left := self.host.leftovers(owed.owner):
            raise DependencyError(f"{self.host.name} still has: {'; '.join(left)}")
        self.store.settle(owed.host, owed.owner)
        return HostRepair(owed.host, owed.owner, None, None, "what was owed was cleaned up")

    def _serving(self, revision: Revision) -> list[HostRepair]:
        host, place = self.host, revision_place(revision.number)
        told: list[tuple[RevisionState | None, str]] = []
        active = host.active()
        if active is None or active.place != place:
            other = f"{active.place} is active" if active else "nothing is active"
            # What is not active counts as left behind: nothing may be cleared here before a person has looked.
            words = f"{other} there; phoenix pipeline rollback --to {revision.number} repairs it"
            return [HostRepair(host.name, revision.name, revision.number, None, words)]
        if reason := host.exit_reason(place):
            told.append(self._started_again(place, reason))
        for owner in self._done(revision):
            if host.leftovers(owner):
                host.clear(owner)
                told.append((RevisionState.ACTIVE, f"what the driver of {owner} left was cleaned up"))
        return [HostRepair(host.name, revision.name, revision.number, *one) for one in told]

    def _done(self, revision: Revision) -> set[str]:
        """Who may have died between the last entry in the ledger and cleaning up; an experiment may be at work still."""
        lease = self.host.lease()
        owners = {revision.owner, lease.holder if lease else revision.owner}
        return {one for one in owners if one.startswith(PREFIX) and is_done(self.store, self.host.name, one)}

    def _started_again(self, place: str, reason: str) -> tuple[RevisionState | None, str]:
        owner = new_owner()
        try:
            self.host.revive(place, self.host.acquire(owner, LEASE_LIFETIME))
        except StateError as fault:
            return None, f"left alone: {fault.message}"
        finally:
            self.host.release(owner)
        return RevisionState.ACTIVE, f"it serves again; {reason.splitlines()[0]}"
