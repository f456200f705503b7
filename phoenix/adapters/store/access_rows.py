"""People and what they were given to rows and back."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, false

from phoenix.adapters.access_store import Answer
from phoenix.adapters.store.access_rules import stored
from phoenix.adapters.store.encoding import storable
from phoenix.domain.access.people import AuditEvent, Invitation, Session, Token, User
from phoenix.domain.access.roles import Role


def holds(column: Column[str], text: str) -> ColumnElement[bool]:
    """Whether a column is `text`; never where no database can hold it, which PostgreSQL would not even be asked."""
    return column == text if storable(text) == text else false()


def user_row(user: User) -> dict[str, Any]:
    row = asdict(stored(user))
    return {**row, "role": str(user.role), "subject": row["subject"] or None}


def user_of(row: RowMapping) -> User:
    values: dict[str, Any] = {**row, "role": Role(row["role"]), "subject": row["subject"] or ""}
    return User(**values)


def session_row(session: Session) -> dict[str, Any]:
    return _with_owner(asdict(stored(session)))


def session_of(row: RowMapping) -> Session:
    return Session(**_with_user(row))


def token_row(token: Token) -> dict[str, Any]:
    return {**_with_owner(asdict(stored(token))), "role": str(token.role)}


def token_of(row: RowMapping) -> Token:
    return Token(**{key: value for key, value in _with_user(row).items() if key != "number"})


def invitation_row(invitation: Invitation) -> dict[str, Any]:
    return {**asdict(stored(invitation)), "role": str(invitation.role)}


def event_row(event: AuditEvent) -> dict[str, Any]:
    """The columns of an event; its sequence is the database's."""
    return {key: value for key, value in asdict(stored(event)).items() if key != "sequence"}


def event_of(row: RowMapping) -> AuditEvent:
    return AuditEvent(**row)


def answer_row(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "headers": [list(pair) for pair in answer.headers],
        "body": answer.body,
    }


def answer_of(row: RowMapping) -> Answer | None:
    """None where the request has none yet."""
    if row["status"] is None:
        return None
    return Answer(row["status"], tuple((name, value) for name, value in row["headers"]), bytes(row["body"]))


def _with_owner(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"owner" if key == "user" else key: value for key, value in values.items()}


def _with_user(row: RowMapping) -> dict[str, Any]:
    values = {"user" if key == "owner" else key: value for key, value in row.items()}
    return {**values, "role": Role(values["role"])} if "role" in values else values
