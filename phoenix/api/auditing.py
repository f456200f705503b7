"""Writes down who changed what, why, and what came of it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from anyio import to_thread
from starlette.types import Scope

from phoenix.adapters.access_store import AccessStore
from phoenix.api.gate.rules import Rule
from phoenix.domain.access.people import AuditEvent, Principal
from phoenix.domain.errors import PhoenixError

DONE = "done"

_LONGEST_SUBJECT = 500

log = logging.getLogger(__name__)


class RequestAudit:
    """The audit of requests that change something.

    Args:
        store: Keeps it.
    """

    def __init__(self, store: Callable[[], AccessStore]) -> None:
        self._store = store

    async def __call__(self, principal: Principal, rule: Rule | None, scope: Scope, status: int) -> None:
        said = scope.get("state", {})
        event = AuditEvent(
            at=datetime.now(UTC),
            who=principal.name,
            way=principal.way.value,
            action=rule.operation if rule else f"{scope['method']} (no such operation)",
            subject=str(scope["path"])[:_LONGEST_SUBJECT],
            outcome=DONE if status < HTTPStatus.BAD_REQUEST else str(said.get("outcome") or status),
            reason=str(said.get("reason") or ""),
            address=address_of(scope),
        )
        try:
            await to_thread.run_sync(self._store().audit, event)
        except PhoenixError as fault:
            # What was done is done: it cannot be taken back for want of a line about it.
            log.warning("the audit could not be written: %s (%s %s)", fault.message, event.who, event.action)


def address_of(scope: Scope) -> str:
    """From where a request came; "" where the server does not know."""
    client = scope.get("client")
    return str(client[0]) if client else ""
