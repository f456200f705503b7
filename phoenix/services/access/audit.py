"""The audit: what people did and tried, as one line each."""

from phoenix.adapters.access_store import AccessStore
from phoenix.domain.access.people import AuditEvent, check_user_name
from phoenix.domain.errors import SpecError
from phoenix.services.access.moments import Now, utc_now

LONGEST_TEXT = 2000
"""A line is kept for ever, and strangers write some of it."""


class Audit:
    """The audit of this installation; there is no verb that changes or removes a line."""

    def __init__(self, store: AccessStore, now: Now = utc_now) -> None:
        self._store = store
        self._now = now

    def write(
        self,
        who: str,
        way: str,
        action: str,
        subject: str,
        outcome: str,
        reason: str = "",
        address: str = "",
    ) -> None:
        """Add a line; see `AuditEvent`.

        A name that nobody can have is not kept: now and then somebody types his password where the name belongs.
        """
        event = AuditEvent(
            at=self._now(),
            who=_name(who),
            way=_cut(way),
            action=_cut(action),
            subject=_cut(subject),
            outcome=_cut(outcome),
            reason=_cut(reason),
            address=_cut(address),
        )
        self._store.audit(event)

    def list(
        self, *, before: int | None = None, limit: int = 100, who: str | None = None
    ) -> tuple[AuditEvent, ...]:
        """Newest first; those of a smaller sequence than `before`, and of one user's name."""
        return self._store.audit_events(before=before, limit=limit, who=who)


def _name(who: str) -> str:
    try:
        return check_user_name(who)
    except SpecError:
        return ""


def _cut(text: str) -> str:
    return text[:LONGEST_TEXT]
