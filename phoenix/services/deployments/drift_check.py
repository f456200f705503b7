"""Holds every host with a deployed pipeline against the ledger; changes nothing, neither there nor here.

What differs is looked at twice, with the ledger read anew: a switch that somebody made between the two readings is no
drift. Hosts where somebody is deploying at this moment are left out.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Revision
from phoenix.domain.errors import DependencyError, PhoenixError
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.deployments.deploying import look_at
from phoenix.services.deployments.drift import Seen
from phoenix.services.deployments.holding import Opener


class DriftKind(StrEnum):
    """How a host differs from the ledger, the worst first: of several, the first is told."""

    NOTHING_ACTIVE = "nothing active"
    """The ledger has a pipeline serving; none is active there."""
    DEAD = "dead"
    """What is active there does not run."""
    OTHER_PIPELINE = "another pipeline"
    """Another revision, or another configuration under its number, is active; or one where the ledger has none."""
    CONFIG_CHANGED = "config changed"
    """The configuration file was edited or removed after it was deployed."""
    UNREACHABLE = "unreachable"
    """The host does not say what it runs."""


@dataclass(frozen=True, slots=True)
class HostDrift:
    """One host, held against the ledger.

    Attributes:
        host: Its canonical target.
        name: The deployment's name by the ledger; None where it has none.
        pipeline: What should serve by the ledger; None where nothing.
        revision: Its number; None where nothing.
        kind: How it differs; None where it does not.
        words: What was found, for a person; "" where it is as recorded.
        is_busy: Somebody is deploying there, so nothing was compared.
    """

    host: str
    name: str | None = None
    pipeline: str | None = None
    revision: int | None = None
    kind: DriftKind | None = None
    words: str = ""
    is_busy: bool = False


class DriftCheck:
    """Compares hosts with the ledger.

    Args:
        store: The ledger.
        open_host: Gives a host.
    """

    def __init__(self, store: DeploymentStore, open_host: Opener) -> None:
        self._store = store
        self._open = open_host

    def look(self, targets: Sequence[str] = ()) -> tuple[HostDrift, ...]:
        """One entry for each host, in their order.

        Args:
            targets: Canonical; every host where a pipeline serves by the ledger when empty.
        """
        found = {one.host: one for one in self._look_once(targets)}
        if differing := [host for host, one in found.items() if one.kind is not None]:
            found |= {one.host: one for one in self._look_once(differing)}
        return tuple(found.values())

    def _look_once(self, targets: Sequence[str]) -> list[HostDrift]:
        recorded = {revision.host: revision for revision in self._store.active()}
        busy = {revision.host for revision in self._store.pending()}
        wanted = tuple(targets) or tuple(recorded)
        if not wanted:
            return []

        def compared(target: str) -> HostDrift:
            if target in busy:
                return _entry(target, recorded.get(target), None, "somebody is deploying there", is_busy=True)
            return self._compared(target, recorded.get(target))

        with ThreadPoolExecutor(min(AT_ONCE, len(wanted)), "drift") as threads:
            return list(threads.map(compared, wanted))

    def _compared(self, target: str, recorded: Revision | None) -> HostDrift:
        try:
            seen = look_at(self._open(target), self._store, recorded)
        except DependencyError as fault:
            return _entry(target, recorded, DriftKind.UNREACHABLE, fault.message)
        except PhoenixError as fault:
            return _entry(target, recorded, DriftKind.UNREACHABLE, f"cannot be read: {fault.message}")
        kind = _kind(seen, recorded)
        words = [*seen.drift, *([seen.death.splitlines()[0]] if seen.death else [])]
        return _entry(target, recorded, kind, "; ".join(words))


def _kind(seen: Seen, recorded: Revision | None) -> DriftKind | None:
    running = seen.running
    if not seen.drift:
        return None
    if running is None:
        return DriftKind.NOTHING_ACTIVE
    if seen.death is not None:
        return DriftKind.DEAD
    if recorded is None or seen.number != recorded.number or running.digest != recorded.digest:
        return DriftKind.OTHER_PIPELINE
    return DriftKind.CONFIG_CHANGED


def _entry(
    target: str, recorded: Revision | None, kind: DriftKind | None, words: str, *, is_busy: bool = False
) -> HostDrift:
    if recorded is None:
        return HostDrift(target, kind=kind, words=words, is_busy=is_busy)
    return HostDrift(target, recorded.name, recorded.pipeline, recorded.number, kind, words, is_busy)
