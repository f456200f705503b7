"""The gate: an ASGI application before all others. Nothing of a stranger's request passes it but the open routes."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phoenix.api.gate.credentials import CSRF_HEADER, Credentials, credentials_of
from phoenix.api.gate.origins import SAFE_METHODS, refuse_foreign_name, refuse_foreign_page
from phoenix.api.gate.rules import API, EVENTS_PATH, METRICS_PATH, Rule, rule_for
from phoenix.api.options import ServerOptions
from phoenix.api.problems import http_problem, problem
from phoenix.domain.access.people import Principal, SignInWay
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import is_csrf_token
from phoenix.domain.errors import PhoenixError, StateError

MOST_BODY_BYTES = 8 * 2**20
"""An experiment with its files has some hundred kilobytes; a host's diff comes out of a server, not into one."""

LOCAL = Principal("local", Role.ADMIN, SignInWay.OPEN)
"""Who asks a server that was started without sign-in."""

_DEFECT = 500


class Recognising(Protocol):
    """Tells who shows a secret (`phoenix.services.access.signing_in`)."""

    def of_session(self, secret: str) -> Principal | None: ...

    def of_token(self, secret: str) -> Principal | None: ...


Auditor = Callable[[Principal, Rule | None, Scope, int], Awaitable[None]]
"""Told of each request that was to change something, with the status of its answer."""


class Gate:
    """Lets through who may pass.

    Args:
        app: What lies behind; finds in `scope["state"]` the `rule`, the `principal` and his `credentials`.
        rules: Which role each operation needs; asked for at the first request, when all routes are there.
        recognising: Tells who shows a secret.
        options: Whom the server trusts.
        audit: Told of each change that somebody known asked for.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        rules: Callable[[], tuple[Rule, ...]],
        recognising: Callable[[], Recognising],
        options: ServerOptions,
        audit: Auditor,
    ) -> None:
        self._app = app
        self._rules = rules
        self._recognising = recognising
        self._options = options
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            rule, principal = await self._admit(scope)
        except PhoenixError as refusal:
            await _refuse(scope, receive, send, refusal)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._pass(scope, receive, send, rule, principal)

    async def _admit(self, scope: Scope) -> tuple[Rule | None, Principal | None]:
        """The rule of the request and who makes it; None where nobody needs to sign in.

        Raises:
            PhoenixError: Why it does not pass.
        """
        headers, path = Headers(scope=scope), scope["path"]
        is_socket = scope["type"] == "websocket"
        is_change = not is_socket and scope["method"] not in SAFE_METHODS
        rule = None if is_socket else rule_for(self._rules(), scope["method"], path)
        state = scope.setdefault("state", {})
        state["rule"] = rule
        refuse_foreign_name(headers, self._options)
        shown = credentials_of(headers, is_secure=self._options.is_secure)
        # A WebSocket of a foreign page would come with our cookie: only its Origin tells it from ours.
        if is_change or is_socket:
            has_cookie = is_socket and shown.session is not None
            refuse_foreign_page(headers, self._options, is_demanded=has_cookie)
        if _is_open(path, rule):
            state["credentials"] = shown
            return rule, None
        principal = await self._principal(shown)
        role = rule.role if rule is not None and rule.role is not None else Role.VIEWER
        if not principal.role.includes(role):
            raise StateError(
                f"{principal.name} may not do this: it needs the role {role}, and this is {principal.role}'s.",
                code="not_allowed",
                hint=f"ask an admin for the role {role}",
            )
        if is_change and principal.way is SignInWay.SESSION:
            _refuse_without_csrf_token(headers, shown)
        state.update(principal=principal, credentials=shown)
        return rule, principal

    async def _principal(self, shown: Credentials) -> Principal:
        if shown.token is None and not self._options.needs_sign_in:
            return LOCAL
        found = await to_thread.run_sync(recognised, self._recognising(), shown)
        if found is None:
            raise StateError(
                "You are not signed in."
                if shown == Credentials()
                else "What you showed does not hold (any more).",
                code="not_signed_in",
                hint="sign in, or send a token: Authorization: Bearer phx_...",
            )
        return found

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, rule: Rule | None, principal: Principal | None
    ) -> None:
        status = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, _bounded(receive), watched)
        except PhoenixError as fault:
            if status is None:
                await _refuse(scope, receive, watched, fault)
        except HTTPException as fault:
            if status is None:
                await http_problem(fault, scope["path"])(scope, receive, watched)
        except Exception:
            # Answered and logged already (`problems`): nothing is left to do with it.
            if status is None:
                raise
        finally:
            if principal is not None and scope["method"] not in SAFE_METHODS:
                await self._audit(principal, rule, scope, status or _DEFECT)


def recognised(recognising: Recognising, shown: Credentials) -> Principal | None:
    """Who shows these credentials, the token first; None where they do not hold (any more)."""
    if shown.token is not None:
        return recognising.of_token(shown.token)
    return None if shown.session is None else recognising.of_session(shown.session)


def _is_open(path: str, rule: Rule | None) -> bool:
    """An operation that says so; and what is no part of the API: the console's files hold nothing of anybody."""
    if rule is not None:
        return rule.role is None
    is_guarded = path == API or path.startswith((f"{API}/", EVENTS_PATH, METRICS_PATH))
    return not is_guarded


def _refuse_without_csrf_token(headers: Headers, shown: Credentials) -> None:
    given = headers.get(CSRF_HEADER, "")
    if shown.session is None or not is_csrf_token(given, shown.session):
        raise StateError(
            "This change does not come with the token of its session.",
            code="csrf",
            hint=f"send what GET {API}/auth/session calls csrfToken in the header {CSRF_HEADER}",
        )


def _bounded(receive: Receive) -> Receive:
    """Bodies up to a size; what comes by the piece is counted."""
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > MOST_BODY_BYTES:
            raise HTTPException(413, f"The body has more than {MOST_BODY_BYTES} bytes.")
        return message

    return counted


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: PhoenixError) -> None:
    answer = problem(refusal, scope["path"])
    if scope["type"] == "http":
        await answer(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        head = {"status": answer.status_code, "headers": answer.raw_headers}
        await send({"type": "websocket.http.response.start", **head})
        await send({"type": "websocket.http.response.body", "body": answer.body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})


def principal_of(connection: HTTPConnection) -> Principal:
    """Who makes this request; only behind the gate."""
    return connection.state.principal
