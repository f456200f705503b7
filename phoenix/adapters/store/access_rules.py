"""What every store of people refuses and keeps, wherever it keeps it; the fake of the tests holds to the same rules."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime
from enum import Enum
from typing import TypeVar

from phoenix.adapters.access_store import Answer
from phoenix.adapters.store.encoding import as_utc, exact, storable
from phoenix.domain.access.people import AuditEvent, Invitation, Session, Token, User
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import StateError

Kept = TypeVar("Kept", User, Session, Token, Invitation, AuditEvent)

_WORDS = frozenset({"address"})
"""What somebody's network says of him: it is shown, and nothing is looked up by it."""


def stored(value: Kept) -> Kept:
    """`value` as it comes back from a store: moments in UTC, and every text as it is.

    Raises:
        ValueError: A text cannot be kept as it is, or a moment has no time zone.
    """
    # What a stranger typed must never fail to be written down.
    words = {field.name for field in fields(value)} if isinstance(value, AuditEvent) else _WORDS
    kept = {
        field.name: _stored(getattr(value, field.name), is_exact=field.name not in words)
        for field in fields(value)
    }
    return replace(value, **kept)


def check_admin_stays(user: User, others: Iterable[User]) -> None:
    """Refuse to lose the last enabled admin.

    Args:
        user: Who is about to be no enabled admin any more.
        others: Everybody else.

    Raises:
        StateError: Code `last_admin`.
    """
    if is_enabled_admin(user) and not any(is_enabled_admin(other) for other in others):
        raise StateError(
            f"{user.name} is the last admin who may sign in.",
            code="last_admin",
            hint="make somebody else an admin first",
            details={"user": user.name},
        )


def is_enabled_admin(user: User) -> bool:
    return user.role is Role.ADMIN and not user.is_disabled


def answer_of(key_fingerprint: str, fingerprint: str, answer: Answer | None) -> Answer:
    """What a request that was begun before was answered.

    Raises:
        StateError: Code `idempotency_key_reused`: it was another request; `request_in_progress`: it has no answer.
    """
    if key_fingerprint != fingerprint:
        raise StateError(
            "Another request came with this idempotency key.",
            code="idempotency_key_reused",
            hint="give each request a key of its own",
        )
    if answer is None:
        raise StateError(
            "This request was begun before and has no answer yet.",
            code="request_in_progress",
            hint="look whether it was done; if the server ended meanwhile, send it with another key",
        )
    return answer


def unknown_user(name: str) -> StateError:
    return StateError(
        f"There is no user {name!r}.",
        code="unknown_user",
        hint="look at the list of users",
        details={"user": name},
    )


def user_exists(name: str) -> StateError:
    """The error for a name, or an OIDC identity, that somebody has."""
    return StateError(
        f"The name {name!r}, or the identity that came with it, belongs to a user already.",
        code="user_exists",
        hint="choose another name",
        details={"user": name},
    )


def password_changed(name: str) -> StateError:
    """The error for a password that somebody else replaced first."""
    return StateError(
        f"The password of {name} was changed meanwhile.",
        code="password_changed",
        hint="sign in with the new one",
        details={"user": name},
    )


def unknown_token(token: str) -> StateError:
    return StateError(
        f"There is no token {token!r}.",
        code="unknown_token",
        hint="look at the list of tokens",
        details={"token": token},
    )


def duplicate_secret(user: str) -> StateError:
    """The error for an id or a digest that was given before: 256 random bits never come twice, forty once in a while."""
    return StateError(
        f"What {user} was to be given exists already.",
        code="duplicate_secret",
        hint="try once more",
        details={"user": user},
    )


def invitation_over() -> StateError:
    """The error for a link that does not hold: it tells nobody whether it ever did."""
    return StateError(
        "This invitation does not hold: it is over, or somebody took it, or there was none.",
        code="invitation_over",
        hint="ask for a new one",
    )


def _stored(value: object, *, is_exact: bool) -> object:
    match value:
        case datetime():
            return as_utc(value)
        case Enum():
            return value
        case str():
            return exact(value) if is_exact else storable(value)
        case _:
            return value
