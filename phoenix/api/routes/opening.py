"""What every way of signing in ends with: a line in the audit, the cookie, and the token for changes."""

from collections.abc import Callable
from typing import Any

from fastapi import Request, Response

from phoenix.api.auditing import DONE, address_of
from phoenix.api.gate.credentials import cookie_name
from phoenix.api.options import ServerOptions
from phoenix.composition import Phoenix
from phoenix.domain.access.people import Session, SignInWay
from phoenix.domain.access.secrets import csrf_token
from phoenix.domain.errors import PhoenixError

Document = dict[str, Any]


def attempted(
    phoenix: Phoenix, request: Request, action: str, name: str, opening: Callable[[], tuple[Session, str]]
) -> tuple[Session, str]:
    """Open somebody's session, and write down how that went; see `opened`."""
    address, way = address_of(request.scope), SignInWay.SESSION.value
    try:
        session, secret = opening()
    except PhoenixError as fault:
        phoenix.audit.write(name, way, action, "", fault.code, "", address)
        raise
    phoenix.audit.write(session.user, way, action, "", DONE, "", address)
    return session, secret


def opened(
    phoenix: Phoenix,
    request: Request,
    response: Response,
    action: str,
    name: str,
    opening: Callable[[], tuple[Session, str]],
) -> Document:
    """Sign somebody in, and write down how that went.

    Args:
        phoenix: The services.
        request: His.
        response: Takes the cookie.
        action: What it is in the audit.
        name: Who he says he is.
        opening: Opens his session, or refuses.
    """
    session, secret = attempted(phoenix, request, action, name, opening)
    options: ServerOptions = request.app.state.options
    response.set_cookie(
        cookie_name(is_secure=options.is_secure),
        secret,
        httponly=True,
        samesite="strict",
        secure=options.is_secure,
        path="/",
    )
    return {
        "user": {"name": session.user, "role": phoenix.people.get(session.user).role.value},
        "way": SignInWay.SESSION.value,
        "csrfToken": csrf_token(secret),
        "expiresAt": session.expires_at.isoformat(),
    }


def close(request: Request, response: Response) -> None:
    """Take the cookie away."""
    options: ServerOptions = request.app.state.options
    name = cookie_name(is_secure=options.is_secure)
    response.delete_cookie(name, path="/", secure=options.is_secure, httponly=True, samesite="strict")
