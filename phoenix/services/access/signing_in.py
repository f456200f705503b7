"""Signing in and out, and who it is that shows a secret."""

from dataclasses import replace
from datetime import datetime, timedelta

from phoenix.adapters.access_store import AccessStore
from phoenix.adapters.passwords import Passwords
from phoenix.domain.access.people import (
    Invitation,
    Principal,
    Session,
    SignInWay,
    User,
    check_password,
    check_user_name,
)
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import TOKEN_PREFIX, digest, new_secret
from phoenix.domain.errors import SpecError, StateError
from phoenix.services.access.attempts import Attempts
from phoenix.services.access.moments import Now, utc_now
from phoenix.services.access.password_checks import PasswordCheck, refused_alike, wrong_credentials

SESSION_HOLDS = timedelta(hours=12)
"""A working day; then the password is asked for again."""

SESSION_IDLES = timedelta(hours=2)

SEEN_EVERY = timedelta(minutes=1)
"""So often it is written down at most that something is used: a page asks many times a minute."""

INVITATION_HOLDS = timedelta(hours=24)


class SigningIn:
    """Opens sessions, ends them, and recognises who has one, or a token.

    One per process: it remembers which address failed how often.
    """

    def __init__(self, store: AccessStore, passwords: Passwords, now: Now = utc_now) -> None:
        self._store = store
        self._passwords = passwords
        self._now = now
        self._check = PasswordCheck(store, passwords, now)
        self._attempts = Attempts(now)

    def sign_in(self, name: str, password: str, address: str) -> tuple[Session, str]:
        """Open a session for who has this name and this password.

        Returns:
            The session and its secret, which is kept nowhere.

        Raises:
            StateError: Code `wrong_credentials`, whatever is wrong (`PasswordCheck.user_of`); `too_many_attempts`:
                20 failed from this address within 15 minutes, and nothing was looked at.
        """
        with self._attempts.one(address), refused_alike():
            user = self._check.user_of(name, password)
            return self._opened(self._rehashed(user, password), address)

    def sign_out(self, secret: str) -> None:
        """End the session of this secret; fine where there is none."""
        self._store.close_session(digest(secret))

    def of_session(self, secret: str) -> Principal | None:
        """Who has this session; None where it is unknown, over, idle for two hours, or its user may not sign in."""
        session, now = self._store.session(digest(secret)), self._now()
        if session is None or _is_over(session, now):
            return None
        user = self._enabled(session.user)
        if user is None:
            return None
        if now - session.seen_at >= SEEN_EVERY:
            self._store.touch_session(session.digest, now)
        return Principal(user.name, user.role, SignInWay.SESSION, session.digest)

    def of_token(self, secret: str) -> Principal | None:
        """Whose token this is, with what it and he may do; None where it is unknown or over, or he may not sign in."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        token, now = self._store.token_of(digest(secret)), self._now()
        if token is None or token.revoked_at is not None or now >= token.expires_at:
            return None
        owner = self._enabled(token.user)
        if owner is None:
            return None
        if token.used_at is None or now - token.used_at >= SEEN_EVERY:
            self._store.touch_token(token.id, now)
        return Principal(owner.name, token.role.at_most(owner.role), SignInWay.TOKEN, token.id)

    def invite_first_admin(self) -> str | None:
        """The secret of a link by which somebody becomes an admin, once, within a day; older links end.

        Returns:
            None where there is an enabled admin: he adds others.
        """
        if self._store.has_admin():
            return None
        secret, now = new_secret(), self._now()
        self._store.invite(Invitation(digest(secret), Role.ADMIN, now, now + INVITATION_HOLDS))
        return secret

    def accept_invitation(self, secret: str, name: str, password: str, address: str) -> tuple[Session, str]:
        """Become a user by the link of this secret, and sign in.

        Raises:
            SpecError: Code `invalid_user_name` or `weak_password`; the link still holds.
            StateError: Code `invitation_over`; `user_exists`, and the link still holds; `too_many_attempts` as in
                `sign_in`.
        """
        wanted = check_user_name(name)
        check_password(password, wanted)
        with self._attempts.one(address):
            user = User(wanted, Role.VIEWER, self._passwords.hash(password), self._now())
            self._store.accept(digest(secret), self._now(), user)
            return self._opened(user, address)

    def of_identity(self, subject: str, name: str, role: Role, address: str = "") -> tuple[Session, str]:
        """Open a session for who has this identity at an OpenID provider; at the first time he becomes a user.

        Args:
            subject: `issuer subject`; what the provider vouches for.
            name: That he will have here; looked at the first time only.
            role: The same.
            address: From where.

        Raises:
            SpecError: Code `invalid_user_name`, or `invalid_identity`: there is no subject.
            StateError: Code `user_exists`: somebody else has that name, whom the identity does not make him;
                `wrong_credentials`: he is disabled.
        """
        if not subject.strip():
            raise SpecError(
                "The provider did not say who this is.",
                code="invalid_identity",
                hint="its ID tokens must have a subject",
            )
        user = self._store.user_of_subject(subject) or self._newcomer(subject, name, role)
        if user.is_disabled:
            raise wrong_credentials()
        with refused_alike():
            return self._opened(user, address)

    def _newcomer(self, subject: str, name: str, role: Role) -> User:
        user = User(check_user_name(name), role, None, self._now(), subject=subject)
        try:
            self._store.add_user(user)
        except StateError:
            # He himself may have come by another window at the same moment.
            himself = self._store.user_of_subject(subject)
            if himself is None:
                raise
            return himself
        return user

    def _rehashed(self, user: User, password: str) -> User:
        """The user with a hash of the present profile; his other sessions end with the old one."""
        kept = user.password_hash
        if kept is None or not self._passwords.needs_rehash(kept):
            return user
        new = self._passwords.hash(password)
        self._store.set_password(user.name, new, instead_of=kept)
        return replace(user, password_hash=new)

    def _opened(self, user: User, address: str) -> tuple[Session, str]:
        secret, now = new_secret(), self._now()
        session = Session(digest(secret), user.name, now, now + SESSION_HOLDS, now, address)
        self._store.forget_sessions(now)
        self._store.open_session(session)
        # Who disabled him or gave him another password meanwhile ended all his sessions, but could not see this one.
        again = self._store.user(user.name)
        if again.is_disabled or again.password_hash != user.password_hash:
            self._store.close_session(session.digest)
            raise wrong_credentials()
        return session, secret

    def _enabled(self, name: str) -> User | None:
        try:
            user = self._store.user(name)
        except StateError:
            # Removed since what he was given was looked up.
            return None
        return None if user.is_disabled else user


def _is_over(session: Session, now: datetime) -> bool:
    return now >= session.expires_at or now - session.seen_at >= SESSION_IDLES
