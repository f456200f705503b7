"""People for tests, and what they are given."""

from datetime import datetime, timedelta

from phoenix.domain.access.people import AuditEvent, Invitation, Session, Token, User
from phoenix.domain.access.roles import Role
from tests.support.clocks import START

HOUR = timedelta(hours=1)


def later(hours: float) -> datetime:
    return START + hours * HOUR


def a_user(name: str = "ada", role: Role = Role.ADMIN, **fields) -> User:
    return User(name, role, **{"password_hash": "$argon2id$of-ada", "created_at": START, **fields})


def a_session(digest: str = "d1", user: str = "ada", **fields) -> Session:
    return Session(digest, user, **{"created_at": START, "expires_at": later(12), "seen_at": START, **fields})


def a_token(id_: str = "tok-aaaaaaaa", user: str = "ada", **fields) -> Token:
    known = {"digest": f"of {id_}", "role": Role.VIEWER, "created_at": START, "expires_at": later(24)}
    return Token(id_, "nightly job", user, **{**known, **fields})


def an_invitation(digest: str = "i1", role: Role = Role.ADMIN, **fields) -> Invitation:
    return Invitation(digest, role, **{"created_at": START, "expires_at": later(24), **fields})


def an_event(who: str = "ada", **fields) -> AuditEvent:
    known = {"way": "session", "action": "experiments.promote", "subject": "web", "outcome": "done"}
    return AuditEvent(START, who, **{**known, **fields})
