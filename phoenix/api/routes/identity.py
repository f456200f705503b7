"""/api/v1/auth/oidc: signing in by an OpenID provider, where one is set."""

import hmac
import time
from collections import OrderedDict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from phoenix.adapters.identity_provider import Errand, IdentityProvider
from phoenix.api.gate.rules import API, needs
from phoenix.api.routes.opening import opened
from phoenix.api.routes.requests import Services
from phoenix.composition import Phoenix
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import StateError

CALLBACK = f"{API}/auth/oidc/callback"

_COOKIE = "phoenix_oidc"
_HOLDS_SECONDS = 600.0
_MOST_AWAY = 1000
"""Sent to the provider and not back yet; strangers may begin it, so that it must end."""


class _Away:
    """Who was sent to the provider and is not back: in this server's memory, for ten minutes."""

    def __init__(self) -> None:
        self._errands: OrderedDict[str, tuple[float, Errand]] = OrderedDict()

    def went(self, errand: Errand) -> None:
        self._errands[errand.state] = (time.monotonic() + _HOLDS_SECONDS, errand)
        while len(self._errands) > _MOST_AWAY:
            self._errands.popitem(last=False)

    def back(self, state: str) -> Errand | None:
        """Once, and in time."""
        until, errand = self._errands.pop(state, (0.0, None))
        return errand if time.monotonic() < until else None


router = APIRouter(prefix="/auth", tags=["auth"])

_away = _Away()


def redirect_url(request: Request) -> str:
    """Where the provider sends people back to."""
    base = request.app.state.options.public_url or f"http://{request.headers['host']}"
    return base.rstrip("/") + CALLBACK


@router.get("/oidc/login", operation_id="auth.oidcLogin", openapi_extra=needs(None))
def login(phoenix: Services, request: Request) -> Response:
    """Go to the provider."""
    errand = _provider(phoenix).send(redirect_url(request))
    _away.went(errand)
    answer = RedirectResponse(errand.url, 302)
    # Lax: the provider sends the browser back from another site.
    answer.set_cookie(
        _COOKIE,
        errand.state,
        int(_HOLDS_SECONDS),
        httponly=True,
        samesite="lax",
        secure=request.app.state.options.is_secure,
        path=CALLBACK,
    )
    return answer


@router.get("/oidc/callback", operation_id="auth.oidcCallback", openapi_extra=needs(None))
def callback(
    phoenix: Services,
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Come back from the provider; a new person becomes a viewer."""
    sent = request.cookies.get(_COOKIE, "")
    is_his = bool(state) and hmac.compare_digest(sent.encode(), state.encode("utf-8", "replace"))
    errand = _away.back(state) if is_his else None
    if errand is None:
        raise StateError(
            "This way back from the provider was not begun here, or too long ago.",
            code="wrong_credentials",
            hint=f"begin anew: {API}/auth/oidc/login",
        )
    identity = _provider(phoenix).receive(errand, redirect_url(request), code)
    answer = RedirectResponse("/", 303)
    opened(
        phoenix,
        request,
        answer,
        "auth.oidc",
        identity.name,
        lambda: phoenix.signing_in.of_identity(identity.subject, identity.name, Role.VIEWER),
    )
    answer.delete_cookie(_COOKIE, path=CALLBACK)
    return answer


def _provider(phoenix: Phoenix) -> IdentityProvider:
    settings = phoenix.settings
    if not settings.oidc_issuer:
        raise StateError(
            "No OpenID provider is set here.",
            code="unknown_provider",
            hint="PHOENIX_OIDC_ISSUER and PHOENIX_OIDC_CLIENT_ID set one",
        )
    return IdentityProvider(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret.get_secret_value()
    )
