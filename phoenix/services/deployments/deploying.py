"""Deploys a pipeline on one host, or says what that would do."""

import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from phoenix.adapters.hosts.configs import digest_of
from phoenix.adapters.hosts.marks import revision_number
from phoenix.adapters.ports import Host
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Revision
from phoenix.domain.errors import DependencyError
from phoenix.services.deployments.drift import Seen, look, unified
from phoenix.services.deployments.holding import held, until
from phoenix.services.handover import Wanted, hand_over, revision_of

_ANSWER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Deployed:
    """What serves on a host now.

    Attributes:
        host: The host's canonical target.
        revision: Its number.
        previous: Number of what served before; None if nothing did.
        is_new: False where it served already, and nothing was done.
        notices: What the host cannot do and a person should know.
        seconds: How long it took.
    """

    host: str
    revision: int
    previous: int | None
    is_new: bool
    notices: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a deployment would do on a host.

    Attributes:
        host: The host's canonical target.
        current: Number of the revision that serves there; None if nothing does.
        pipeline: What it runs; "" if nothing serves.
        version: Its version; "" if nothing serves.
        next: The number that the new one would have; None where nothing would be done.
        diff: A unified diff from the configuration on the host to the new one.
        drift: See `Seen.drift`.
    """

    host: str
    current: int | None
    pipeline: str
    version: str
    next: int | None
    diff: str
    drift: tuple[str, ...]


def deploy_on(
    host: Host, store: DeploymentStore, wanted: Wanted, recorded: Revision | None, stop: Event
) -> Deployed:
    """Let `wanted` serve on `host`, unless it does already.

    Args:
        host: The host.
        store: The ledger.
        wanted: What shall serve.
        recorded: What serves there by the ledger.
        stop: Set to end it before the switch.

    Raises:
        PhoenixError: It does not serve; see `handover.hand_over`.
    """
    began = time.monotonic()
    notices = host.notices()
    if recorded is not None and _serves(look_at(host, store, recorded), wanted, host):
        return Deployed(host.name, recorded.number, recorded.previous, is_new=False, notices=notices)
    with held(host, store, wanted.owner) as lease:
        revision = revision_of(host, store, wanted)
        hand_over(host, lease, store, revision, pulse=until(stop))
    took = time.monotonic() - began
    return Deployed(host.name, revision.number, revision.previous, is_new=True, notices=notices, seconds=took)


def preview_on(host: Host, store: DeploymentStore, wanted: Wanted, recorded: Revision | None) -> Preview:
    """What `deploy_on` would do; takes no lease and changes nothing."""
    seen = look_at(host, store, recorded)
    running, serves = seen.running, _serves(seen, wanted, host)
    number = max(host.next_revision(), next((r.number for r in store.history(host.name, limit=1)), 0) + 1)
    before = f"{host.name} revision {seen.number}" if running else "nothing"
    return Preview(
        host=host.name,
        current=seen.number,
        pipeline=running.pipeline if running else "",
        version=running.version if running else "",
        next=None if serves else number,
        diff=unified(seen.config or "", wanted.config, before, f"revision {number}"),
        drift=seen.drift,
    )


def look_at(host: Host, store: DeploymentStore, recorded: Revision | None) -> Seen:
    """`drift.look`, with a ledger that is asked for owners only where it matters."""
    return look(host, recorded, lambda owner: any(r.owner == owner for r in store.history(host.name)))


def _serves(seen: Seen, wanted: Wanted, host: Host) -> bool:
    """Whether the very same serves already, as the ledger says, alive and answering."""
    recorded, running = seen.recorded, seen.running
    if recorded is None or running is None or seen.drift:
        return False
    if (recorded.digest, recorded.name) != (digest_of(wanted.config), wanted.name):
        return False
    try:
        host.fetch(running.telemetry_url, _ANSWER)
    except DependencyError:
        return False
    return revision_number(running.place) == recorded.number
