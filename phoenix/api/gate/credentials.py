"""What a request shows of who makes it: a bearer token, or the cookie of a session."""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

COOKIE = "phoenix_session"
SECURE_COOKIE = "__Host-phoenix_session"
"""Where people come by TLS: a browser takes it only for this very host, and only by TLS."""

CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request came with; at most one of both counts, the token first.

    Attributes:
        token: Of an `Authorization: Bearer` header; None without one.
        session: Secret of the cookie; None without one.
    """

    token: str | None = None
    session: str | None = None

    def __repr__(self) -> str:
        return (
            f"Credentials(token={'...' if self.token else None}, session={'...' if self.session else None})"
        )


def cookie_name(*, is_secure: bool) -> str:
    return SECURE_COOKIE if is_secure else COOKIE


def credentials_of(headers: Headers, *, is_secure: bool) -> Credentials:
    """The credentials in the headers of a request; what is malformed is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credentials(token=token.strip())
    return Credentials(session=_cookie(headers.getlist("cookie"), cookie_name(is_secure=is_secure)))


def _cookie(lines: list[str], name: str) -> str | None:
    for line in lines:
        try:
            cookies = SimpleCookie(line)
        except CookieError:
            continue
        if name in cookies:
            return cookies[name].value or None
    return None
