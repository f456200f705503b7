"""Users: added, changed, disabled, removed."""

from phoenix.adapters.access_store import AccessStore
from phoenix.adapters.passwords import Passwords
from phoenix.domain.access.people import User, check_password, check_user_name
from phoenix.domain.access.roles import Role
from phoenix.services.access.moments import Now, utc_now
from phoenix.services.access.password_checks import PasswordCheck


class People:
    """The users of this installation.

    Raises (every verb about one user): StateError `unknown_user` if there is none of that name; `last_admin` where no
    enabled admin would be left.
    """

    def __init__(self, store: AccessStore, passwords: Passwords, now: Now = utc_now) -> None:
        self._store = store
        self._passwords = passwords
        self._now = now
        self._check = PasswordCheck(store, passwords, now)

    def add(self, name: str, role: Role, password: str) -> User:
        """Let somebody sign in with a password.

        Raises:
            SpecError: Code `invalid_user_name` or `weak_password`.
            StateError: Code `user_exists`.
        """
        wanted = check_user_name(name)
        check_password(password, wanted)
        user = User(wanted, role, self._passwords.hash(password), self._now())
        self._store.add_user(user)
        return user

    def get(self, name: str) -> User:
        return self._store.user(_kept(name))

    def list(self) -> tuple[User, ...]:
        """By name."""
        return self._store.users()

    def set_role(self, name: str, role: Role) -> User:
        """From now on he may do this; his sessions and tokens, too, at their next request."""
        self._store.set_role(_kept(name), role)
        return self.get(name)

    def set_password(self, name: str, new: str) -> None:
        """Give him another password; ends his sessions and the lock.

        Raises:
            SpecError: Code `weak_password`.
        """
        user = self.get(name)
        check_password(new, user.name)
        self._store.set_password(user.name, self._passwords.hash(new))

    def change_own_password(self, name: str, old: str, new: str) -> None:
        """Change a password that one knows; ends every session of his. Wrong ones count as they do at signing in.

        Raises:
            SpecError: Code `weak_password`.
            StateError: Code `wrong_credentials`: the old one is wrong, or he is locked; `password_changed`: somebody
                else gave him a new one at the same moment, which stays.
        """
        check_password(new, _kept(name))
        user = self._check.user_of(name, old)
        self._store.set_password(user.name, self._passwords.hash(new), instead_of=user.password_hash)

    def disable(self, name: str) -> User:
        """Let him not sign in; ends his sessions, and his tokens hold no longer."""
        return self._set_disabled(name, is_disabled=True)

    def enable(self, name: str) -> User:
        """Let him sign in again; his tokens hold again."""
        return self._set_disabled(name, is_disabled=False)

    def remove(self, name: str) -> None:
        """With his sessions and tokens; what he did stays in the audit."""
        self._store.remove_user(_kept(name))

    def _set_disabled(self, name: str, *, is_disabled: bool) -> User:
        self._store.set_disabled(_kept(name), is_disabled=is_disabled)
        return self.get(name)


def _kept(name: str) -> str:
    """The name as `check_user_name` keeps it; what is none is nobody's."""
    return name.strip().lower()
