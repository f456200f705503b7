"""People and what they were given as public documents, the same for every door.

Nothing in them lets anybody in: no secret, no digest, no hash. Times are ISO 8601, UTC; every key is always there, and
what is not known is null.
"""

from datetime import datetime
from typing import Any

from phoenix.domain.access.people import AuditEvent, Session, Token, User


def summarise_user(user: User) -> dict[str, Any]:
    """A user; `lockedUntil` may have passed."""
    return {
        "name": user.name,
        "role": user.role.value,
        "isDisabled": user.is_disabled,
        "hasPassword": user.password_hash is not None,
        "subject": user.subject or None,
        "failures": user.failures,
        "lockedUntil": _moment(user.locked_until),
        "createdAt": _moment(user.created_at),
    }


def summarise_session(session: Session) -> dict[str, Any]:
    """A session, without what would name it."""
    return {
        "user": session.user,
        "address": session.address or None,
        "createdAt": _moment(session.created_at),
        "expiresAt": _moment(session.expires_at),
        "seenAt": _moment(session.seen_at),
    }


def summarise_token(token: Token) -> dict[str, Any]:
    """A token; it may do less than `role`, where its owner does."""
    return {
        "id": token.id,
        "name": token.name,
        "user": token.user,
        "role": token.role.value,
        "createdAt": _moment(token.created_at),
        "expiresAt": _moment(token.expires_at),
        "usedAt": _moment(token.used_at),
        "revokedAt": _moment(token.revoked_at),
    }


def summarise_audit_event(event: AuditEvent) -> dict[str, Any]:
    """A line of the audit."""
    return {
        "sequence": event.sequence,
        "at": _moment(event.at),
        "who": event.who or None,
        "way": event.way or None,
        "action": event.action,
        "subject": event.subject or None,
        "outcome": event.outcome,
        "reason": event.reason or None,
        "address": event.address or None,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
