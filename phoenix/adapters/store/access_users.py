"""Users on a SQL database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, case, delete, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from phoenix.adapters.store import access_rules
from phoenix.adapters.store.access_rows import holds, user_of, user_row
from phoenix.adapters.store.encoding import as_utc
from phoenix.adapters.store.tables import SESSIONS, USERS, UtcDateTime
from phoenix.adapters.store.transactions import lock_people, reading, writing
from phoenix.domain.access.people import User
from phoenix.domain.access.roles import Role


class SqlUsers:
    """The part of `AccessStore` that is about users themselves.

    Every verb that may take an admin away lets the others wait first: two admins who remove each other at once do it
    one after the other, and the second is refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_user(self, user: User) -> None:
        row = user_row(user)
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(USERS).values(row))
        except IntegrityError as error:
            raise access_rules.user_exists(user.name) from error

    def user(self, name: str) -> User:
        with reading(self._engine) as connection:
            return _user(connection, name)

    def user_of_subject(self, subject: str) -> User | None:
        query = select(USERS).where(holds(USERS.c.subject, subject))
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else user_of(row)

    def users(self) -> tuple[User, ...]:
        with reading(self._engine) as connection:
            found = _users(connection)
        # Sorted here: a database's own collation would order names otherwise than Python does.
        return tuple(sorted(found, key=lambda user: user.name))

    def set_role(self, name: str, role: Role) -> None:
        with writing(self._engine) as connection:
            lock_people(connection)
            user = locked_user(connection, name)
            if role is not Role.ADMIN:
                _check_admin_stays(connection, user)
            _set(connection, name, role=str(role))

    def set_password(self, name: str, password_hash: str, *, instead_of: str | None = None) -> None:
        with writing(self._engine) as connection:
            user = locked_user(connection, name)
            if instead_of is not None and user.password_hash != instead_of:
                raise access_rules.password_changed(name)
            _set(connection, name, password_hash=password_hash, failures=0, locked_until=None)
            _end_sessions(connection, name)

    def set_disabled(self, name: str, *, is_disabled: bool) -> None:
        with writing(self._engine) as connection:
            lock_people(connection)
            user = locked_user(connection, name)
            if is_disabled:
                _check_admin_stays(connection, user)
                _end_sessions(connection, name)
            _set(connection, name, is_disabled=is_disabled)

    def remove_user(self, name: str) -> None:
        """What he was given goes with him, by the tables' foreign keys."""
        with writing(self._engine) as connection:
            lock_people(connection)
            _check_admin_stays(connection, locked_user(connection, name))
            connection.execute(delete(USERS).where(holds(USERS.c.name, name)))

    def has_admin(self) -> bool:
        with reading(self._engine) as connection:
            return any(access_rules.is_enabled_admin(user) for user in _users(connection))

    def failed(self, name: str, *, most: int, lock_until: datetime) -> User:
        is_last = USERS.c.failures + 1 >= most
        moment = literal(as_utc(lock_until), UtcDateTime)
        with writing(self._engine) as connection:
            # One statement that counts: who reads first and then writes loses what another counted in between.
            _set(
                connection,
                name,
                failures=case((is_last, 0), else_=USERS.c.failures + 1),
                locked_until=case((is_last, moment), else_=USERS.c.locked_until),
            )
            return _user(connection, name)

    def succeeded(self, name: str) -> None:
        with writing(self._engine) as connection:
            locked_user(connection, name)
            _set(connection, name, failures=0, locked_until=None)


def locked_user(connection: Connection, name: str) -> User:
    """The user, whom nobody else changes until the transaction ends; StateError `unknown_user`."""
    row = (
        connection.execute(select(USERS).where(holds(USERS.c.name, name)).with_for_update())
        .mappings()
        .first()
    )
    if row is None:
        raise access_rules.unknown_user(name)
    return user_of(row)


def _user(connection: Connection, name: str) -> User:
    row = connection.execute(select(USERS).where(holds(USERS.c.name, name))).mappings().first()
    if row is None:
        raise access_rules.unknown_user(name)
    return user_of(row)


def _users(connection: Connection) -> list[User]:
    return [user_of(row) for row in connection.execute(select(USERS)).mappings()]


def _check_admin_stays(connection: Connection, user: User) -> None:
    access_rules.check_admin_stays(user, (other for other in _users(connection) if other.name != user.name))


def _set(connection: Connection, name: str, **columns: Any) -> None:
    connection.execute(update(USERS).where(holds(USERS.c.name, name)).values(columns))


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute(delete(SESSIONS).where(SESSIONS.c.owner == name))
