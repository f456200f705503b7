"""A `TargetStore` in memory, held to the contract suite of the real one (tests/contracts/test_target_store.py)."""

from collections.abc import Mapping
from dataclasses import replace
from threading import RLock

from phoenix.adapters.store import rules
from phoenix.adapters.store.encoding import as_utc, exact
from phoenix.adapters.stores import TargetStore
from phoenix.domain.deployment import TargetRecord


class FakeTargetStore(TargetStore):
    def __init__(self) -> None:
        self._lock = RLock()
        self._records: dict[str, TargetRecord] = {}

    def save(self, record: TargetRecord) -> None:
        kept = replace(
            record,
            name=exact(record.name),
            uri=exact(record.uri),
            labels=dict(record.labels),
            created_at=as_utc(record.created_at),
        )
        with self._lock:
            self._records[kept.name] = kept

    def get(self, name: str) -> TargetRecord:
        with self._lock:
            if name not in self._records:
                raise rules.unknown_target_name(name, self._records)
            return self._records[name]

    def list(self) -> tuple[TargetRecord, ...]:
        with self._lock:
            return tuple(self._records[name] for name in sorted(self._records))

    def remove(self, name: str) -> None:
        with self._lock:
            self._records.pop(name, None)

    def select(self, labels: Mapping[str, str]) -> tuple[TargetRecord, ...]:
        return tuple(record for record in self.list() if labels.items() <= record.labels.items())
