"""Secrets that we give out: 256 random bits, of which only a digest is kept."""

import hashlib
import hmac
import secrets

TOKEN_PREFIX = "phx_"  # noqa: S105 - what every one begins with
"""So that a scanner, and a person, knows what was leaked."""

_BYTES = 32


def new_secret(prefix: str = "") -> str:
    """A secret of 256 bits, URL-safe."""
    return prefix + secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """What is kept of a secret, hexadecimal. Plain SHA-256 is enough for 256 random bits: nobody guesses them."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_token(session_secret: str) -> str:
    """The token that a page sends back with each change; it follows from the session, and says nothing about it."""
    return hmac.new(session_secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def is_csrf_token(given: str, session_secret: str) -> bool:
    """Whether `given` belongs to the session; takes the same time for every wrong one."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), csrf_token(session_secret).encode())
