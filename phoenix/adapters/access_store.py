"""The port of what Phoenix remembers about people; see `phoenix.adapters.stores` for the rest.

One contract suite runs over every adapter and the fake (tests/contracts/test_access_store.py). Every verb is one
transaction. No secret ever comes here: only digests and password hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from phoenix.domain.access.people import AuditEvent, Invitation, Session, Token, User
from phoenix.domain.access.roles import Role


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered, kept so that the same request is not carried out twice.

    Attributes:
        status: HTTP status.
        headers: Those worth repeating, name and value.
        body: The answer's bytes.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class AccessStore(Protocol):
    """Users, what they were given, and the audit.

    Raises (every verb about one user): StateError `unknown_user` if there is none of that name.
    """

    def add_user(self, user: User) -> None:
        """StateError `user_exists` if the name, or the OIDC subject, is taken."""
        ...

    def user(self, name: str) -> User: ...

    def user_of_subject(self, subject: str) -> User | None:
        """Who has this OIDC identity; None where nobody has."""
        ...

    def users(self) -> tuple[User, ...]:
        """By name."""
        ...

    def set_role(self, name: str, role: Role) -> None:
        """StateError `last_admin` where no enabled admin would be left, whoever writes at once."""
        ...

    def set_password(self, name: str, password_hash: str, *, instead_of: str | None = None) -> None:
        """A new one; ends every session of his, and the lock.

        Args:
            name: Whose.
            password_hash: The new one's.
            instead_of: The hash that the caller saw; None to replace whatever there is.

        Raises:
            StateError: Code `password_changed`: it is not `instead_of` any more; nothing was changed.
        """
        ...

    def set_disabled(self, name: str, *, is_disabled: bool) -> None:
        """Ends every session of his where he is disabled. StateError `last_admin` as in `set_role`."""
        ...

    def remove_user(self, name: str) -> None:
        """With his sessions and tokens. StateError `last_admin` as in `set_role`."""
        ...

    def has_admin(self) -> bool:
        """Whether an enabled admin is there."""
        ...

    def failed(self, name: str, *, most: int, lock_until: datetime) -> User:
        """One more wrong password in a row, counted in one step; the `most`-th locks until `lock_until` and starts anew.

        Returns:
            The user after it.
        """
        ...

    def succeeded(self, name: str) -> None:
        """The right password: no failures in a row, no lock."""
        ...

    def open_session(self, session: Session) -> None: ...

    def session(self, digest: str) -> Session | None: ...

    def touch_session(self, digest: str, at: datetime) -> None: ...

    def close_session(self, digest: str) -> None:
        """Closing what is closed is fine."""
        ...

    def close_sessions(self, user: str) -> None: ...

    def forget_sessions(self, before: datetime) -> int:
        """Those that expired before; how many."""
        ...

    def add_token(self, token: Token) -> None: ...

    def token_of(self, digest: str) -> Token | None: ...

    def tokens(self, user: str | None = None) -> tuple[Token, ...]:
        """Newest first; of one user or of all."""
        ...

    def touch_token(self, token: str, at: datetime) -> None: ...

    def revoke_token(self, token: str, at: datetime) -> Token:
        """By id; the first time stands. StateError `unknown_token` if there is none."""
        ...

    def invite(self, invitation: Invitation) -> None:
        """Replaces every invitation that nobody took: the newest link is the only one."""
        ...

    def accept(self, digest: str, at: datetime, user: User) -> None:
        """Become a user by an invitation, once, in one step; the user gets the invitation's role.

        Raises:
            StateError: Code `invitation_over`: there is none of that digest, it expired, or somebody took it before;
                `user_exists`: the name is taken, and the invitation still holds.
        """
        ...

    def audit(self, event: AuditEvent) -> None: ...

    def audit_events(
        self, *, before: int | None = None, limit: int = 100, who: str | None = None
    ) -> tuple[AuditEvent, ...]:
        """Newest first; those of a smaller sequence than `before`."""
        ...

    def begin_request(
        self, key: str, fingerprint: str, at: datetime, *, forget_before: datetime
    ) -> Answer | None:
        """Begin a request that carries an idempotency key; `key` holds who asks, too.

        Returns:
            What it was answered, if it was carried out before; None where it is now to be.

        Raises:
            StateError: Code `idempotency_key_reused`: another request came with this key; `request_in_progress`: it
                was begun and has no answer yet.
        """
        ...

    def end_request(self, key: str, answer: Answer | None) -> None:
        """Keep the answer; None: nothing was done, and the key may come again."""
        ...
