"""Passwords as they are kept: argon2id by argon2-cffi, with the low-memory profile of RFC 9106 (section 4)."""

import secrets
import unicodedata
from base64 import b64encode
from threading import BoundedSemaphore

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import ARGON2_VERSION
from argon2.profiles import RFC_9106_LOW_MEMORY

from phoenix.domain.errors import DependencyError

MOST_AT_ONCE = 2
"""Each takes 64 MiB and a core for a while: who guesses in a thousand requests must not take all there is."""


class Passwords:
    """Hashes passwords, and tells the right ones.

    Args:
        profile: What a hash costs.
        most_at_once: So many are hashed at the same time in this process; the others wait.
    """

    def __init__(self, profile: Parameters = RFC_9106_LOW_MEMORY, most_at_once: int = MOST_AT_ONCE) -> None:
        self._hasher = PasswordHasher.from_parameters(profile)
        self._nobodys = _hash_of_nothing(profile)
        self._turns = BoundedSemaphore(most_at_once)

    def hash(self, password: str) -> str:
        """What to keep of a password: a PHC string with a salt of its own.

        Raises:
            DependencyError: Code `password_not_checked`: there is not enough memory.
        """
        with self._turns:
            try:
                return self._hasher.hash(_bytes_of(password))
            except HashingError as error:
                raise _not_checked(error) from error

    def is_right(self, password: str, kept: str | None) -> bool:
        """Whether `kept` is of this password.

        Args:
            password: What was typed.
            kept: None where nobody has that name, or he has no password: the answer is no, after the same work, so
                that the time does not tell. A hash that cannot be read is treated as none.

        Raises:
            DependencyError: Code `password_not_checked`: there is not enough memory.
        """
        typed = _bytes_of(password)
        with self._turns:
            try:
                return self._verify(typed, self._nobodys if kept is None else kept)
            except (InvalidHashError, VerificationError):
                # Either it cannot be read, or memory is short: then this fails, too.
                return self._is_nobodys(typed)

    def needs_rehash(self, kept: str) -> bool:
        """Whether it was made with another profile than this one."""
        return self._hasher.check_needs_rehash(kept)

    def _is_nobodys(self, typed: bytes) -> bool:
        try:
            return self._verify(typed, self._nobodys)
        except VerificationError as error:
            raise _not_checked(error) from error

    def _verify(self, typed: bytes, kept: str) -> bool:
        try:
            return self._hasher.verify(kept, typed)
        except VerifyMismatchError:
            return False


def _bytes_of(password: str) -> bytes:
    """One keyboard writes `é` as one character, another as two: both are the same (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _hash_of_nothing(profile: Parameters) -> str:
    """A hash that no password has, of the same cost as a real one."""
    cost = f"m={profile.memory_cost},t={profile.time_cost},p={profile.parallelism}"
    salt, tag = (_base64(secrets.token_bytes(size)) for size in (profile.salt_len, profile.hash_len))
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${tag}"


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode().rstrip("=")


def _not_checked(error: Exception) -> DependencyError:
    return DependencyError(
        f"A password could not be worked on: {error}.",
        code="password_not_checked",
        hint="free memory on the server, and try again",
    )
