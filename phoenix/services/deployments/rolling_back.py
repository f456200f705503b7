"""Goes back on one host: to what served before, or to any revision; what serves now may be dead or broken."""

from dataclasses import dataclass
from threading import Event

from phoenix.adapters.hosts.marks import revision_number, revision_place
from phoenix.adapters.ports import Host, RunningCollector
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Revision, RevisionState
from phoenix.domain.errors import StateError
from phoenix.domain.record import Driver
from phoenix.services.deployments.holding import held, until
from phoenix.services.handover import Wanted, hand_over, revision_of


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What serves on a host again.

    Attributes:
        host: The host's canonical target.
        revision: Number of the new revision.
        to: Number of the revision whose configuration it has.
        previous: Number of what served before; None if nothing did.
        pipeline: The pipeline's display name.
        version: Its version.
    """

    host: str
    revision: int
    to: int
    previous: int | None
    pipeline: str
    version: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and by which process; see `Wanted`."""

    owner: str
    by: str
    driver: Driver | None


def roll_back_on(host: Host, store: DeploymentStore, who: Person, to: int | None, stop: Event) -> RolledBack:
    """Let the configuration of an earlier revision serve on `host`, as a new revision.

    Args:
        host: The host.
        store: The ledger.
        who: Who asks.
        to: Number of that revision; what served before the active one where left out. The active one's own number
            repairs what drifted.
        stop: Set to end it before the switch.

    Raises:
        StateError: Code `unknown_revision` or `no_previous_revision`.
        PhoenixError: It does not serve; see `handover.hand_over`.
    """
    with held(host, store, who.owner) as lease:
        kept = host.revisions()
        number, wanted = _wanted(host, store, kept, who, to)
        revision = revision_of(host, store, wanted)
        environment = _environment_of(host, kept, number, revision.digest)
        hand_over(host, lease, store, revision, environment_of=environment, pulse=until(stop))
    return RolledBack(
        host.name, revision.number, number, revision.previous, revision.pipeline, revision.version
    )


def _wanted(
    host: Host, store: DeploymentStore, kept: tuple[RunningCollector, ...], who: Person, to: int | None
) -> tuple[int, Wanted]:
    history = store.history(host.name)
    number = to or _previous(history) or _last_kept(host, kept) or 0
    if not number:
        raise StateError(
            f"Nothing served on {host.name} before what serves now.",
            code="no_previous_revision",
            hint="phoenix pipeline history, then rollback --to REV",
        )
    known = next((revision for revision in history if revision.number == number), None)
    on_host = next((one for one in kept if one.place == revision_place(number)), None)
    if known is None and on_host is not None:
        config = host.config(on_host.place)
        return number, _as_wanted(who, number, on_host.pipeline, on_host, config)
    found = known or store.get(host.name, number)
    return number, _as_wanted(who, number, found.name, found, found.config)


def _as_wanted(who: Person, number: int, name: str, what: Revision | RunningCollector, config: str) -> Wanted:
    return Wanted(
        owner=who.owner,
        name=name,
        pipeline=what.pipeline,
        version=what.version,
        config=config,
        reason=f"rollback to {number}",
        by=who.by,
        driver=who.driver,
        parameters=what.parameters if isinstance(what, Revision) else {},
    )


def _previous(history: tuple[Revision, ...]) -> int | None:
    """By the ledger: what the active one took the place of, else what served last of all that can serve again."""
    active = next((one for one in history if one.state is RevisionState.ACTIVE), None)
    others = {one.number: one for one in history if one.state is RevisionState.REPLACED}
    if active is not None and active.previous in others:
        return active.previous
    served = [one for one in others.values() if one.ended_at is not None]
    return max(served, key=lambda one: (one.ended_at, one.number)).number if served else None


def _last_kept(host: Host, kept: tuple[RunningCollector, ...]) -> int | None:
    """By the host, where this ledger knows nothing of it: the newest that it keeps beside what serves."""
    active = host.active()
    others = [one for one in kept if active is None or one.place != active.place]
    return revision_number(others[-1].place) if others else None


def _environment_of(host: Host, kept: tuple[RunningCollector, ...], number: int, digest: str) -> str | None:
    """A place of the host whose variables fit: the revision's own, a later copy of it, else what serves now."""
    places = {one.place for one in kept}
    own = revision_place(number)
    copies = [one.place for one in kept if one.digest == digest]
    active = host.active()
    wishes = (own, *reversed(copies), active.place if active else "")
    return next((place for place in wishes if place in places), None)
