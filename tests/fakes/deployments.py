"""A `DeploymentStore` in memory, held to the contract suite of the real one (tests/contracts/test_deployment_store.py)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock

from phoenix.adapters.store import transitions
from phoenix.adapters.store.encoding import as_utc, exact, storable
from phoenix.adapters.store.rows import stored_revision
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Owed, Revision, RevisionState
from phoenix.domain.record import Driver


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeDeploymentStore(DeploymentStore):
    """What is written passes through JSON, as it does in a database."""

    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = RLock()
        self._revisions: dict[tuple[str, int], Revision] = {}
        self._owed: dict[tuple[str, str], Owed] = {}

    def begin(self, revision: Revision) -> None:
        kept = stored_revision(transitions.intent(revision))
        with self._lock:
            if (kept.host, kept.number) in self._revisions:
                raise transitions.revision_exists(kept.host, kept.number)
            self._revisions[kept.host, kept.number] = kept

    def activate(self, host: str, number: int, at: datetime) -> None:
        moment = as_utc(at)
        with self._lock:
            self._apply(host, transitions.activation(host, number, self._states(host)), moment)

    def fail(self, host: str, number: int, error: str, *, restored: int | None = None) -> None:
        with self._lock:
            changes = transitions.failure(host, number, self._states(host), restored)
            self._apply(host, changes, self._now())
            if number in changes:
                self._set(host, number, error=storable(error))

    def remove(self, host: str, number: int) -> None:
        with self._lock:
            self._apply(host, transitions.removal(host, number, self._states(host)), self._now())

    def get(self, host: str, number: int) -> Revision:
        with self._lock:
            transitions.state_of(host, number, self._states(host))
            return self._revisions[host, number]

    def history(self, host: str, *, limit: int = 50) -> tuple[Revision, ...]:
        return tuple(revision for revision in self._sorted()[::-1] if revision.host == host)[:limit]

    def active(self) -> tuple[Revision, ...]:
        return tuple(revision for revision in self._sorted() if revision.state is RevisionState.ACTIVE)

    def pending(self) -> tuple[Revision, ...]:
        return tuple(revision for revision in self._sorted() if revision.state is RevisionState.PENDING)

    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(revision.host for revision in self._sorted()))

    def claim(self, host: str, number: int, driver: Driver, *, instead_of: Driver | None) -> None:
        with self._lock:
            if self.get(host, number).driver != instead_of:
                raise transitions.driven(host, number)
            self._set(host, number, driver=driver)

    def forget(self, host: str) -> None:
        with self._lock:
            self._revisions = {key: kept for key, kept in self._revisions.items() if key[0] != host}
            self._owed = {key: kept for key, kept in self._owed.items() if key[0] != host}

    def owe(self, host: str, owner: str, why: str) -> None:
        new = Owed(exact(host), exact(owner), storable(why), as_utc(self._now()))
        with self._lock:
            known = self._owed.get((host, owner), new)
            self._owed[host, owner] = replace(known, why=new.why)

    def owed(self) -> tuple[Owed, ...]:
        with self._lock:
            return tuple(self._owed[key] for key in sorted(self._owed))

    def settle(self, host: str, owner: str) -> None:
        with self._lock:
            self._owed.pop((host, owner), None)

    def _sorted(self) -> list[Revision]:
        with self._lock:
            return [self._revisions[key] for key in sorted(self._revisions)]

    def _states(self, host: str) -> dict[int, RevisionState]:
        return {number: kept.state for (at, number), kept in self._revisions.items() if at == host}

    def _apply(self, host: str, changes: Mapping[int, RevisionState], at: datetime) -> None:
        for number, state in changes.items():
            was = self._revisions[host, number].state
            self._set(host, number, state=state, driver=None, **transitions.stamps(was, state, at))

    def _set(self, host: str, number: int, **fields: object) -> None:
        self._revisions[host, number] = replace(self._revisions[host, number], **fields)
