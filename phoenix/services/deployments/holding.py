"""One host is ours while something is changed there: the lease, kept in force, and nothing left of us afterwards."""

import secrets
import string
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread

from phoenix.adapters.ports import Host, Lease
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import RevisionState
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.services.handover import NotRestoredError, Pulse

LEASE_LIFETIME = timedelta(minutes=2)
"""Long enough for a paused machine, short enough that a lost driver does not block a host for the day."""

RENEWALS = 4
"""Within one lifetime, so that some may fail."""

PREFIX = "dep-"
"""Of the owners that change production by hand; experiments have ids of their own."""

_LETTERS = string.ascii_lowercase + string.digits


class StoppedError(StateError):
    """Somebody asked for the end before the switch; what served before serves."""

    default_code = "stopped"


def new_owner() -> str:
    """Under which hosts know one command's work."""
    return PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(8))


def until(stop: Event) -> Pulse:
    """A pulse that ends the waiting once `stop` is set."""

    def pulse() -> None:
        if stop.is_set():
            raise StoppedError("It was stopped before the switch; what served before serves.")

    return pulse


@contextmanager
def held(host: Host, store: DeploymentStore, owner: str) -> Generator[Lease]:
    """Hold `host` while the body changes it; in the end nothing of `owner` is left there but what serves.

    What cannot be cleaned up because the host does not answer is owed, and recovery's to do.

    Raises:
        StateError: Code `host_taken`, naming who holds it.
    """
    lease = _acquired(host, store, owner)
    done = Event()
    Thread(target=_keep, args=(host, lease, done), name=f"lease-{host.name}", daemon=True).start()
    try:
        yield lease
    except NotRestoredError as fault:
        store.owe(host.name, owner, fault.message)
        raise
    except BaseException:
        _clear(host, store, owner)
        raise
    else:
        _clear(host, store, owner)
    finally:
        done.set()


def _acquired(host: Host, store: DeploymentStore, owner: str) -> Lease:
    """The lease; also where its last holder died between its last entry in the ledger and giving the host back."""
    try:
        return host.acquire(owner, LEASE_LIFETIME)
    except StateError as taken:
        holder = str(taken.details.get("holder", ""))
        if not is_done(store, host.name, holder):
            raise
    host.clear(holder)
    return host.acquire(owner, LEASE_LIFETIME)


def is_done(store: DeploymentStore, host: str, holder: str) -> bool:
    """Whether the ledger has the end of everything that `holder` did there: only its clean-up can be missing."""
    states = {revision.state for revision in store.history(host) if revision.owner == holder}
    return holder.startswith(PREFIX) and bool(states) and RevisionState.PENDING not in states


def _clear(host: Host, store: DeploymentStore, owner: str) -> None:
    try:
        host.clear(owner)
    except DependencyError as fault:
        store.owe(host.name, owner, fault.message)


def _keep(host: Host, lease: Lease, done: Event) -> None:
    """Renew until `done`; one that somebody else took is refused by the host at the next change anyway."""
    pause = LEASE_LIFETIME.total_seconds() / RENEWALS
    while not done.wait(pause):
        with suppress(PhoenixError, OSError):
            host.renew(lease, LEASE_LIFETIME)


Opener = Callable[[str], Host]
"""Gives the host of a canonical target."""
