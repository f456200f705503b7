"""Tokens for programs: made, listed, revoked."""

import secrets
import string
from datetime import timedelta

from phoenix.adapters.access_store import AccessStore
from phoenix.adapters.store.access_rules import unknown_token
from phoenix.domain.access.people import Principal, Token
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import TOKEN_PREFIX, digest, new_secret
from phoenix.domain.errors import SpecError
from phoenix.services.access.moments import Now, utc_now

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=366)
"""Nothing holds for ever: who left a year ago took no key with him."""

LONGEST_NAME = 100

_LETTERS = string.ascii_lowercase + string.digits


class Tokens:
    """The tokens of this installation."""

    def __init__(self, store: AccessStore, now: Now = utc_now) -> None:
        self._store = store
        self._now = now

    def create(self, user: str, name: str, role: Role, lifetime: timedelta) -> tuple[Token, str]:
        """Give a user a token.

        Args:
            user: Whose it will be. Who asks may himself be a token with less: that the caller knows.
            name: What it is for, 1 to 100 characters.
            role: The most that it may do.
            lifetime: 1 minute to 366 days.

        Returns:
            The token and its secret, which is kept nowhere.

        Raises:
            SpecError: Code `role_too_high`: its owner may not do as much; `invalid_lifetime`; `invalid_token_name`.
            StateError: Code `unknown_user`.
        """
        owner, called, now = self._store.user(user), _checked_name(name), self._now()
        if not owner.role.includes(role):
            raise SpecError(
                f"A token of {owner.name} cannot have the role {role}: he is {owner.role}.",
                code="role_too_high",
                hint=f"give it {owner.role} at most",
            )
        if not SHORTEST <= lifetime <= LONGEST:
            raise SpecError(
                f"A token cannot hold for {lifetime}.", code="invalid_lifetime", hint="1 minute to 366 days"
            )
        secret = new_secret(TOKEN_PREFIX)
        id_ = "tok-" + "".join(secrets.choice(_LETTERS) for _ in range(8))
        token = Token(id_, called, owner.name, digest(secret), role, now, now + lifetime)
        self._store.add_token(token)
        return token, secret

    def list(self, user: str | None = None) -> tuple[Token, ...]:
        """Newest first; of one user or of all."""
        return self._store.tokens(user)

    def revoke(self, token: str, by: Principal) -> Token:
        """End a token, at once and for ever: one's own, or anybody's for an admin.

        Raises:
            StateError: Code `unknown_token`: there is none of that id, or it is somebody else's, which is not told.
        """
        is_his = by.role.includes(Role.ADMIN) or any(mine.id == token for mine in self._store.tokens(by.name))
        if not is_his:
            raise unknown_token(token)
        return self._store.revoke_token(token, self._now())


def _checked_name(name: str) -> str:
    called = name.strip()
    if not 1 <= len(called) <= LONGEST_NAME or not called.isprintable():
        raise SpecError(
            "A token cannot be called that.",
            code="invalid_token_name",
            hint=f"1 to {LONGEST_NAME} characters on one line that say what it is for",
        )
    return called
