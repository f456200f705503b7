"""`TargetStore` on a SQL database."""

from collections.abc import Mapping

from sqlalchemy import Engine, RowMapping, delete, select

from phoenix.adapters.store import rules
from phoenix.adapters.store.encoding import as_utc, exact
from phoenix.adapters.store.tables import TARGETS
from phoenix.adapters.store.transactions import reading, writing
from phoenix.adapters.store.upserts import upsert
from phoenix.adapters.stores import TargetStore
from phoenix.domain.deployment import TargetRecord


class SqlTargetStore(TargetStore):
    """Saved targets in the database of `engine` (`engine.open_engine`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, record: TargetRecord) -> None:
        row = {
            "name": exact(record.name),
            "uri": exact(record.uri),
            "labels": dict(record.labels),
            "created_at": as_utc(record.created_at),
            "block": exact(record.block),
        }
        with writing(self._engine) as connection:
            upsert(connection, TARGETS, row, changed=("uri", "labels", "created_at", "block"))

    def get(self, name: str) -> TargetRecord:
        with reading(self._engine) as connection:
            row = connection.execute(select(TARGETS).where(TARGETS.c.name == name)).mappings().first()
            if row is None:
                raise rules.unknown_target_name(name, connection.scalars(select(TARGETS.c.name)))
        return _target_of(row)

    def list(self) -> tuple[TargetRecord, ...]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(TARGETS)).mappings().all()
        # Sorted here: a database's own collation would order names otherwise than Python does.
        return tuple(sorted((_target_of(row) for row in rows), key=lambda record: record.name))

    def remove(self, name: str) -> None:
        """Removing what is not there is fine."""
        with writing(self._engine) as connection:
            connection.execute(delete(TARGETS).where(TARGETS.c.name == name))

    def select(self, labels: Mapping[str, str]) -> tuple[TargetRecord, ...]:
        return tuple(record for record in self.list() if labels.items() <= record.labels.items())


def _target_of(row: RowMapping) -> TargetRecord:
    return TargetRecord(**row)
