"""What is written down about people's requests, on a SQL database: the audit, and answers under idempotency keys."""

from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update

from phoenix.adapters.access_store import Answer
from phoenix.adapters.store import access_rules
from phoenix.adapters.store.access_rows import answer_of, answer_row, event_of, event_row
from phoenix.adapters.store.encoding import as_utc, exact, storable
from phoenix.adapters.store.tables import AUDIT, REQUESTS
from phoenix.adapters.store.transactions import reading, writing
from phoenix.adapters.store.upserts import insert_if_absent
from phoenix.domain.access.people import AuditEvent


class SqlLedgers:
    """The part of `AccessStore` that is about requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def audit(self, event: AuditEvent) -> None:
        row = event_row(event)
        with writing(self._engine) as connection:
            connection.execute(insert(AUDIT).values(row))

    def audit_events(
        self, *, before: int | None = None, limit: int = 100, who: str | None = None
    ) -> tuple[AuditEvent, ...]:
        query = select(AUDIT).order_by(AUDIT.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(AUDIT.c.sequence < before)
        if who is not None:
            query = query.where(AUDIT.c.who == storable(who))
        with reading(self._engine) as connection:
            return tuple(event_of(row) for row in connection.execute(query).mappings())

    def begin_request(
        self, key: str, fingerprint: str, at: datetime, *, forget_before: datetime
    ) -> Answer | None:
        row = {"key": exact(key), "fingerprint": exact(fingerprint), "begun_at": as_utc(at)}
        with writing(self._engine) as connection:
            connection.execute(delete(REQUESTS).where(REQUESTS.c.begun_at < as_utc(forget_before)))
            while not insert_if_absent(connection, REQUESTS, row):
                begun = connection.execute(select(REQUESTS).where(REQUESTS.c.key == key)).mappings().first()
                # None where whoever had begun it took it back in between: then it can be begun.
                if begun is not None:
                    return access_rules.answer_of(begun["fingerprint"], fingerprint, answer_of(begun))
        return None

    def end_request(self, key: str, answer: Answer | None) -> None:
        # What has an answer keeps it: whoever asked was told that one.
        mine = (REQUESTS.c.key == exact(key), REQUESTS.c.status.is_(None))
        with writing(self._engine) as connection:
            if answer is None:
                connection.execute(delete(REQUESTS).where(*mine))
            else:
                connection.execute(update(REQUESTS).where(*mine).values(answer_row(answer)))
