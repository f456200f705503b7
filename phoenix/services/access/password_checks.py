"""Whether somebody knows a user's password; whatever is wrong, the answer and the work are the same.

Who guesses learns nothing of which names there are, and after five wrong passwords in a row nothing of the password.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from phoenix.adapters.access_store import AccessStore
from phoenix.adapters.passwords import Passwords
from phoenix.domain.access.people import User
from phoenix.domain.errors import StateError
from phoenix.services.access.moments import Now, utc_now

MOST_FAILURES = 5
LOCKED = timedelta(minutes=15)

_TELLING = frozenset({"unknown_user", "password_changed"})
"""Codes that would tell a stranger that the user was there a moment ago."""


class PasswordCheck:
    """Checks passwords and counts the wrong ones."""

    def __init__(self, store: AccessStore, passwords: Passwords, now: Now = utc_now) -> None:
        self._store = store
        self._passwords = passwords
        self._now = now

    def user_of(self, name: str, password: str) -> User:
        """The user who has this name and this password.

        Raises:
            StateError: Code `wrong_credentials`: nobody has that name, the password is wrong, or he is disabled, or
                locked for 15 minutes after 5 wrong passwords in a row.
        """
        with refused_alike():
            user = self._one_who_may(name)
            is_right = self._passwords.is_right(password, None if user is None else user.password_hash)
            if user is None:
                raise wrong_credentials()
            if not is_right:
                self._store.failed(user.name, most=MOST_FAILURES, lock_until=self._now() + LOCKED)
                raise wrong_credentials()
            return self._confirmed(user)

    def _one_who_may(self, name: str) -> User | None:
        try:
            user = self._store.user(name.strip().lower())
        except StateError:
            return None
        is_locked = user.locked_until is not None and self._now() < user.locked_until
        return None if user.is_disabled or is_locked else user

    def _confirmed(self, user: User) -> User:
        """The user once more: while this password was checked, wrong ones may have locked him."""
        again = self._one_who_may(user.name)
        if again is None or again.password_hash != user.password_hash:
            raise wrong_credentials()
        self._store.succeeded(user.name)
        return again


@contextmanager
def refused_alike() -> Generator[None]:
    """Lets nothing be told of a user who went, or whose password changed, in the very moment."""
    try:
        yield
    except StateError as error:
        if error.code in _TELLING:
            raise wrong_credentials() from None
        raise


def wrong_credentials() -> StateError:
    """The one error for everything that can be wrong."""
    return StateError(
        "The name or the password is wrong.",
        code="wrong_credentials",
        hint="try again; after some wrong passwords in a row even the right one is refused for 15 minutes",
    )
