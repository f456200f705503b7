"""What users are given, on a SQL database: sessions, tokens, and invitations to become one."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from phoenix.adapters.store import access_rules
from phoenix.adapters.store.access_rows import (
    holds,
    invitation_row,
    session_of,
    session_row,
    token_of,
    token_row,
    user_row,
)
from phoenix.adapters.store.access_users import locked_user
from phoenix.adapters.store.encoding import as_utc
from phoenix.adapters.store.tables import INVITATIONS, SESSIONS, TOKENS, USERS
from phoenix.adapters.store.transactions import lock_people, reading, writing
from phoenix.domain.access.people import Invitation, Session, Token, User
from phoenix.domain.access.roles import Role


class SqlGrants:
    """The part of `AccessStore` that is about what users were given.

    What opens a session, or adds a token, locks the user first: whoever ends all of his at the same time either waits
    and ends this one too, or was first, and the caller sees what changed when he looks at the user once more.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_session(self, session: Session) -> None:
        row = session_row(session)
        try:
            with writing(self._engine) as connection:
                locked_user(connection, session.user)
                connection.execute(insert(SESSIONS).values(row))
        except IntegrityError as error:
            raise access_rules.duplicate_secret(session.user) from error

    def session(self, digest: str) -> Session | None:
        query = select(SESSIONS).where(holds(SESSIONS.c.digest, digest))
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else session_of(row)

    def touch_session(self, digest: str, at: datetime) -> None:
        moment = as_utc(at)
        is_earlier = (holds(SESSIONS.c.digest, digest), SESSIONS.c.seen_at < moment)
        with writing(self._engine) as connection:
            connection.execute(update(SESSIONS).where(*is_earlier).values(seen_at=moment))

    def close_session(self, digest: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(SESSIONS).where(holds(SESSIONS.c.digest, digest)))

    def close_sessions(self, user: str) -> None:
        with writing(self._engine) as connection:
            locked_user(connection, user)
            connection.execute(delete(SESSIONS).where(SESSIONS.c.owner == user))

    def forget_sessions(self, before: datetime) -> int:
        # Not those that somebody else is ending: two who wait for each other's rows would wait for ever.
        over = select(SESSIONS.c.digest).where(SESSIONS.c.expires_at < as_utc(before))
        gone = SESSIONS.c.digest.in_(over.with_for_update(skip_locked=True))
        with writing(self._engine) as connection:
            return connection.execute(delete(SESSIONS).where(gone)).rowcount

    def add_token(self, token: Token) -> None:
        row = token_row(token)
        try:
            with writing(self._engine) as connection:
                locked_user(connection, token.user)
                connection.execute(insert(TOKENS).values(row))
        except IntegrityError as error:
            raise access_rules.duplicate_secret(token.user) from error

    def token_of(self, digest: str) -> Token | None:
        found = self._tokens(select(TOKENS).where(holds(TOKENS.c.digest, digest)))
        return found[0] if found else None

    def tokens(self, user: str | None = None) -> tuple[Token, ...]:
        query = select(TOKENS).order_by(TOKENS.c.created_at.desc(), TOKENS.c.number.desc())
        return self._tokens(query if user is None else query.where(holds(TOKENS.c.owner, user)))

    def touch_token(self, token: str, at: datetime) -> None:
        moment = as_utc(at)
        is_earlier = or_(TOKENS.c.used_at.is_(None), TOKENS.c.used_at < moment)
        with writing(self._engine) as connection:
            mine = update(TOKENS).where(holds(TOKENS.c.id, token), is_earlier)
            connection.execute(mine.values(used_at=moment))

    def revoke_token(self, token: str, at: datetime) -> Token:
        mine, moment = holds(TOKENS.c.id, token), as_utc(at)
        with writing(self._engine) as connection:
            unrevoked = update(TOKENS).where(mine, TOKENS.c.revoked_at.is_(None))
            connection.execute(unrevoked.values(revoked_at=moment))
            row = connection.execute(select(TOKENS).where(mine)).mappings().first()
        if row is None:
            raise access_rules.unknown_token(token)
        return token_of(row)

    def invite(self, invitation: Invitation) -> None:
        row = invitation_row(invitation)
        with writing(self._engine) as connection:
            # Two that do not see each other's new link would otherwise leave both.
            lock_people(connection)
            connection.execute(delete(INVITATIONS))
            connection.execute(insert(INVITATIONS).values(row))

    def accept(self, digest: str, at: datetime, user: User) -> None:
        moment, row = as_utc(at), user_row(user)
        this = holds(INVITATIONS.c.digest, digest)
        holding = select(INVITATIONS.c.role).where(this, INVITATIONS.c.expires_at > moment)
        try:
            with writing(self._engine) as connection:
                role = connection.scalar(holding.with_for_update())
                if role is None:
                    raise access_rules.invitation_over()
                connection.execute(delete(INVITATIONS).where(this))
                connection.execute(insert(USERS).values({**row, "role": str(Role(role))}))
        except IntegrityError as error:
            raise access_rules.user_exists(user.name) from error

    def _tokens(self, query: Select[Any]) -> tuple[Token, ...]:
        with reading(self._engine) as connection:
            return tuple(token_of(row) for row in connection.execute(query).mappings())
