"""Users and what they were given: sessions, tokens, invitations. No secret is in any of these values, only digests."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from phoenix.domain.access.roles import Role
from phoenix.domain.errors import SpecError

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
"""NIST SP 800-63B section 3.1.1.2 asks for 15 without and 8 with a second factor, and for at least 64 allowed; with a
lock-out and argon2id we take 12. The upper bound keeps a request from costing what it likes."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}[a-z0-9]|[a-z0-9]")


class SignInWay(StrEnum):
    """How somebody showed who he is."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a name
    OPEN = "open"
    """Nobody was asked: a server on loopback that was told so."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in.

    Attributes:
        name: Unique; lower case.
        role: What he may do.
        password_hash: PHC string of argon2id; None for one who signs in elsewhere (OIDC).
        created_at: UTC.
        is_disabled: May not sign in, and nothing that he was given holds.
        failures: Wrong passwords in a row.
        locked_until: UTC; until then no password is looked at. None where not locked.
        subject: `issuer subject` of his OIDC identity; "" where he has none.
    """

    name: str
    role: Role
    password_hash: str | None = field(repr=False)
    created_at: datetime
    is_disabled: bool = False
    failures: int = 0
    locked_until: datetime | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in.

    Attributes:
        digest: Of the secret in the cookie.
        user: His name.
        created_at: UTC.
        expires_at: UTC; at the latest it ends then.
        seen_at: UTC; when it was last used, to a minute. One that was not used for long ends too.
        address: From where it was opened.
    """

    digest: str
    user: str
    created_at: datetime
    expires_at: datetime
    seen_at: datetime
    address: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A secret for programs.

    Attributes:
        id: `tok-` and eight letters or digits.
        name: What it is for.
        user: Whose it is.
        digest: Of the secret.
        role: It may do at most this, and at most what its owner may.
        created_at: UTC.
        expires_at: UTC.
        used_at: UTC, to a minute; None where never.
        revoked_at: UTC; None where it was not.
    """

    id: str
    name: str
    user: str
    digest: str
    role: Role
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link by which somebody becomes a user, once.

    Attributes:
        digest: Of the secret in the link.
        role: That the user will have.
        created_at: UTC.
        expires_at: UTC.
    """

    digest: str
    role: Role
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request.

    Attributes:
        name: The user's.
        role: What this request may do; of a token the smaller of its own and its owner's.
        way: How he showed who he is.
        id: Digest of the session, or id of the token; "" where nobody was asked.
    """

    name: str
    role: Role
    way: SignInWay
    id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of what people did and tried.

    Attributes:
        sequence: Ascending; 0 before it is kept.
        at: UTC.
        who: The user's name; of a failed sign-in the name that was given; "" where nobody said.
        way: `session`, `token`, `open`; "" for a stranger.
        action: What, such as `experiments.promote` or `auth.login`.
        subject: On what: a path, a name; "" for nothing.
        outcome: `done` or why not: an error's code.
        reason: Why, in that person's words; "" where none was given.
        address: From where.
    """

    at: datetime
    who: str
    way: str
    action: str
    subject: str
    outcome: str
    reason: str = ""
    address: str = ""
    sequence: int = 0


def check_user_name(name: str) -> str:
    """The name as it is kept: lower case.

    Raises:
        SpecError: It is none.
    """
    kept = name.strip().lower()
    if not _NAME.fullmatch(kept):
        raise SpecError(
            f"{name!r} cannot be a user's name.",
            code="invalid_user_name",
            hint="1 to 64 of a-z, 0-9, and . _ @ + - inside",
        )
    return kept


def check_password(password: str, name: str) -> str:
    """The password, if it may be one.

    Raises:
        SpecError: It is too short, too long, or holds nothing but the name; the message does not repeat it.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise _weak(f"it has fewer than {SHORTEST_PASSWORD} characters")
    if len(password) > LONGEST_PASSWORD:
        raise _weak(f"it has more than {LONGEST_PASSWORD} characters")
    if len(set(password)) <= 2:
        raise _weak("it repeats one or two characters")
    if password.lower().replace(name, "").strip("0123456789!.-_ ") == "":
        raise _weak("it is the user's name")
    return password


def _weak(why: str) -> SpecError:
    return SpecError(
        f"This password cannot be used: {why}.",
        code="weak_password",
        hint=f"{SHORTEST_PASSWORD} characters or more; a sentence does well",
    )
