"""A `LoadRunStore` in memory, held to the contract suite of the real one (tests/contracts/test_load_run_store.py)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import RLock

from phoenix.adapters.store import load_changes, rules
from phoenix.adapters.stores import LoadRunStore
from phoenix.domain.load.run import LoadEnding, LoadRun, LoadStatus
from phoenix.domain.record import Driver


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeLoadRunStore(LoadRunStore):
    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._lock = RLock()
        self._runs: dict[str, LoadRun] = {}

    def create(self, run: LoadRun) -> None:
        kept = load_changes.stored(run)
        with self._lock:
            if run.id in self._runs:
                raise load_changes.duplicate(run.id)
            if not run.is_over and any(one.name == run.name for one in self.unfinished()):
                raise load_changes.name_taken(run.name)
            self._runs[run.id] = kept

    def get(self, reference: str) -> LoadRun:
        with self._lock:
            named = (run for run in self._newest_first() if run.name == reference)
            found = self._runs.get(reference) or next(named, None)
            if found is None:
                raise self._unknown(reference)
            return found

    def list(self, *, limit: int = 100) -> tuple[LoadRun, ...]:
        with self._lock:
            return tuple(self._newest_first()[:limit])

    def unfinished(self) -> tuple[LoadRun, ...]:
        with self._lock:
            return tuple(run for run in self._newest_first() if not run.is_over)

    def claim(self, load: str, driver: Driver, *, instead_of: Driver | None) -> LoadRun:
        return self._change(load, lambda run: load_changes.claimed(run, driver, instead_of, self._now()))

    def release(self, load: str, left: Mapping[str, str]) -> LoadRun:
        return self._change(load, lambda run: load_changes.released(run, left))

    def update(self, load: str, hosts: Mapping[str, LoadStatus]) -> LoadRun:
        return self._change(load, lambda run: load_changes.updated(run, hosts, self._now()))

    def running(self, load: str, at: datetime) -> None:
        self._change(load, lambda run: load_changes.running(run, at))

    def request_stop(self, load: str, reason: str) -> None:
        self._change(load, lambda run: load_changes.stop_requested(run, reason))

    def end(self, load: str, ending: LoadEnding) -> LoadRun:
        return self._change(load, lambda run: load_changes.ending(run, ending))

    def finish(self, load: str) -> LoadRun:
        return self._change(load, lambda run: load_changes.finished(run, self._now()))

    def _newest_first(self) -> Sequence[LoadRun]:
        # Sorted stably and then turned: of two of the same moment, the one created later comes first.
        return sorted(self._runs.values(), key=lambda run: run.created_at)[::-1]

    def _change(self, load: str, change: Callable[[LoadRun], LoadRun]) -> LoadRun:
        with self._lock:
            if load not in self._runs:
                raise self._unknown(load)
            self._runs[load] = change(self._runs[load])
            return self._runs[load]

    def _unknown(self, reference: str) -> Exception:
        known = (text for run in self._runs.values() for text in (run.id, run.name))
        return rules.unknown_load_run(reference, known)
