"""The application: the gate, and behind it all routes."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phoenix.api import problems
from phoenix.api.auditing import RequestAudit
from phoenix.api.gate.gate import Gate
from phoenix.api.gate.rules import API, Rule, rules_of
from phoenix.api.idempotency import Idempotency
from phoenix.api.live.hub import Hub
from phoenix.api.live.route import live_router
from phoenix.api.live.socket import Pace
from phoenix.api.options import ServerOptions
from phoenix.api.routes import (
    auth,
    catalog,
    compatibility,
    deployments,
    experiments,
    health,
    identity,
    loads,
    people,
    pipelines,
    recovery,
    targets,
)
from phoenix.api.telemetry import Telemetry
from phoenix.composition import Phoenix

DESCRIPTION = """May a cheaper OpenTelemetry Collector pipeline for process metrics replace the one you pay for?

Sign in at `/api/v1/auth/login`, or send a token: `Authorization: Bearer phx_...`. Every operation names the least role it
needs in `x-phoenix-role`. Errors are problem details (RFC 9457) with `code`, `hint` and `findings`. POST takes an
`Idempotency-Key`; changes take `If-Match`. Live events come over the WebSocket `/api/v1/events`.
"""


class Application:
    """The server's application, as ASGI.

    Args:
        phoenix: The services of this installation.
        options: How it listens and whom it trusts.
    """

    def __init__(self, phoenix: Phoenix, options: ServerOptions) -> None:
        self.options = options
        self.hub = Hub(lambda: phoenix.store)
        self.pace = Pace()
        self.telemetry = Telemetry()
        self.telemetry.readers.set_function(lambda: self.hub.readers)
        self.routes = _routes(phoenix, self)
        self._rules: tuple[Rule, ...] | None = None
        self._app: ASGIApp = Gate(
            Idempotency(self.routes, store=lambda: phoenix.access_store),
            rules=self.rules,
            recognising=lambda: phoenix.signing_in,
            options=options,
            audit=RequestAudit(lambda: phoenix.access_store),
        )

    def rules(self) -> tuple[Rule, ...]:
        """Which role each operation needs."""
        if self._rules is None:
            self._rules = rules_of(self.routes.openapi())
        return self._rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_SAFETY]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            rule: Rule | None = scope.get("state", {}).get("rule")
            operation = rule.operation if rule else "none"
            self.telemetry.requests.labels(operation, str(status)).inc()
            self.telemetry.seconds.labels(operation).observe(time.perf_counter() - began)


_SAFETY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""Answers are somebody's own: no page frames them, no cache keeps them."""


def create_app(phoenix: Phoenix, options: ServerOptions) -> Application:
    """The application of an installation."""
    return Application(phoenix, options)


def _routes(phoenix: Phoenix, server: Application) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        _open(phoenix)
        yield

    app = FastAPI(
        title="Phoenix",
        version=version("phoenix-telemetry"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.phoenix, app.state.options, app.state.telemetry = phoenix, server.options, server.telemetry
    problems.install(app)
    app.include_router(health.router)
    app.include_router(
        live_router(server.hub, server.pace, lambda: phoenix.signing_in, server.telemetry.delay.observe)
    )
    api = APIRouter(prefix=API)
    for noun in (
        compatibility,
        auth,
        identity,
        people,
        catalog,
        pipelines,
        deployments,
        experiments,
        loads,
        targets,
        recovery,
    ):
        api.include_router(noun.router)
    app.include_router(api)
    return app


def _open(phoenix: Phoenix) -> None:
    """What is made once and by one thread; a store that cannot be opened is told before anybody asks."""
    phoenix.store.newest_event()
    phoenix.access_store.has_admin()
    phoenix.experiment_operations("")
    phoenix.deployment_operations("")
    phoenix.pipeline_operations()
    phoenix.load_operations()
    phoenix.target_operations()
    phoenix.recovery_operations()
