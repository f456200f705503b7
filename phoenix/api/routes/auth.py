"""/api/v1/auth: signing in and out, the first admin, one's own password and tokens. Other people are in `people`."""

from datetime import timedelta
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from phoenix.api.auditing import address_of
from phoenix.api.gate.credentials import Credentials
from phoenix.api.gate.gate import principal_of
from phoenix.api.gate.rules import needs
from phoenix.api.routes.opening import attempted, close, opened
from phoenix.api.routes.requests import Services
from phoenix.domain.access.people import LONGEST_PASSWORD, SignInWay
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import csrf_token
from phoenix.domain.errors import StateError
from phoenix.services.access.summaries import summarise_token, summarise_user

Document = dict[str, Any]

MOST_DAYS = 366

Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class LoginBody(_Body):
    """Who wants to sign in."""

    name: Name
    password: Password


class ProgramBody(LoginBody):
    """Who wants a token for a program, and for which."""

    program: str = Field(min_length=1, max_length=100, description="What the token is for.")
    days: int = Field(default=30, ge=1, le=MOST_DAYS)


class InvitationBody(LoginBody):
    """Who takes an invitation, and the secret of its link."""

    secret: SecretStr = Field(min_length=1, max_length=200)


class PasswordBody(_Body):
    """One's own password, old and new."""

    old: Password
    new: Password


class TokenBody(_Body):
    """A token for a program."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "nightly job", "role": "operator", "days": 90}]},
    )

    name: str = Field(min_length=1, max_length=100, description="What it is for.")
    role: Role = Field(default=Role.VIEWER, description="The most that it may do.")
    days: int = Field(default=90, ge=1, le=MOST_DAYS, description="After so many it no longer holds.")


router = APIRouter(prefix="/auth", tags=["auth"])


@router.get("/status", operation_id="auth.status", openapi_extra=needs(None))
def status(phoenix: Services, request: Request) -> Document:
    """How one signs in here; nothing about anybody."""
    return {
        "needsSignIn": request.app.state.options.needs_sign_in,
        "hasAdmin": phoenix.access_store.has_admin(),
        "oidc": phoenix.settings.oidc_issuer or None,
    }


@router.post("/login", operation_id="auth.login", openapi_extra=needs(None))
def login(phoenix: Services, body: LoginBody, request: Request, response: Response) -> Document:
    """Sign in with a password; the answer sets a cookie, and has the token that changes must come with."""
    address = address_of(request.scope)
    password = body.password.get_secret_value()
    return opened(
        phoenix,
        request,
        response,
        "auth.login",
        body.name,
        lambda: phoenix.signing_in.sign_in(body.name, password, address),
    )


@router.post("/token", status_code=201, operation_id="auth.token", openapi_extra=needs(None))
def obtain_token(phoenix: Services, body: ProgramBody, request: Request) -> Document:
    """A token for a name and a password, with all of that person's rights: how a program signs in for somebody."""
    address = address_of(request.scope)
    session, secret = attempted(
        phoenix,
        request,
        "auth.token",
        body.name,
        lambda: phoenix.signing_in.sign_in(body.name, body.password.get_secret_value(), address),
    )
    try:
        role = phoenix.people.get(session.user).role
        token, given = phoenix.tokens.create(session.user, body.program, role, timedelta(days=body.days))
    finally:
        phoenix.signing_in.sign_out(secret)
    return {**summarise_token(token), "secret": given}


@router.get("/setup", operation_id="auth.setup", openapi_extra=needs(None))
def setup() -> Response:
    """The page behind the one-time link: it takes the secret from behind the `#`, which no log ever sees."""
    page = files("phoenix.api.routes").joinpath("setup.html").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Response(page, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy})


@router.post("/invitation", operation_id="auth.accept", openapi_extra=needs(None))
def accept(phoenix: Services, body: InvitationBody, request: Request, response: Response) -> Document:
    """Become a user by a one-time link, and sign in."""
    given = body.secret.get_secret_value(), body.name, body.password.get_secret_value()
    address = address_of(request.scope)
    return opened(
        phoenix,
        request,
        response,
        "auth.accept",
        body.name,
        lambda: phoenix.signing_in.accept_invitation(*given, address),
    )


@router.post("/logout", operation_id="auth.logout", openapi_extra=needs(Role.VIEWER))
def logout(phoenix: Services, request: Request, response: Response) -> Document:
    """End this session."""
    shown: Credentials = request.state.credentials
    if shown.session is not None:
        phoenix.signing_in.sign_out(shown.session)
    close(request, response)
    return {"user": None}


@router.get("/session", operation_id="auth.session", openapi_extra=needs(Role.VIEWER))
def session(request: Request) -> Document:
    """Who one is here, what one may do, and the token for changes."""
    principal = principal_of(request)
    shown: Credentials = request.state.credentials
    is_session = principal.way is SignInWay.SESSION and shown.session is not None
    return {
        "user": {"name": principal.name, "role": principal.role.value},
        "way": principal.way.value,
        "csrfToken": csrf_token(shown.session) if is_session and shown.session else None,
    }


@router.post("/password", operation_id="auth.password", openapi_extra=needs(Role.VIEWER))
def password(phoenix: Services, body: PasswordBody, request: Request) -> Document:
    """Change one's own password; every session ends, this one too."""
    name = _person(request)
    phoenix.people.change_own_password(name, body.old.get_secret_value(), body.new.get_secret_value())
    return summarise_user(phoenix.people.get(name))


@router.get("/tokens", operation_id="tokens.list", openapi_extra=needs(Role.VIEWER))
def tokens(
    phoenix: Services,
    request: Request,
    everybody: Annotated[bool, Query(description="For admins: everybody's.")] = False,
) -> Document:
    """One's tokens; never their secrets."""
    principal = principal_of(request)
    whose = None if everybody and principal.role is Role.ADMIN else principal.name
    return {"items": [summarise_token(token) for token in phoenix.tokens.list(whose)]}


@router.post("/tokens", status_code=201, operation_id="tokens.create", openapi_extra=needs(Role.VIEWER))
def create_token(phoenix: Services, body: TokenBody, request: Request) -> Document:
    """A new token; its secret is in this answer and nowhere else. A token cannot make a stronger one than itself."""
    principal = principal_of(request)
    if not principal.role.includes(body.role):
        raise StateError(
            f"This sign-in has the role {principal.role} and cannot make a token with {body.role}.",
            code="not_allowed",
            hint=f"ask for {principal.role}, or sign in with more",
        )
    token, secret = phoenix.tokens.create(_person(request), body.name, body.role, timedelta(days=body.days))
    return {**summarise_token(token), "secret": secret}


@router.delete("/tokens/{token}", operation_id="tokens.revoke", openapi_extra=needs(Role.VIEWER))
def revoke(
    phoenix: Services, token: Annotated[str, Path(min_length=1, max_length=50)], request: Request
) -> Document:
    """End a token at once; one's own, or anybody's for an admin."""
    return summarise_token(phoenix.tokens.revoke(token, principal_of(request)))


def _person(request: Request) -> str:
    """The user who asks.

    Raises:
        StateError: The server was started without sign-in, so that nobody is anybody.
    """
    principal = principal_of(request)
    if principal.way is SignInWay.OPEN:
        raise StateError(
            "This server was started without sign-in: it knows no users' own things.",
            code="no_users_here",
            hint="start it without --no-sign-in",
        )
    return principal.name
