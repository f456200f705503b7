"""The header Idempotency-Key on POST: the same request twice is carried out once, and answered the same.

The key belongs to who sends it. The answer is kept for a day; one that failed on our side is not kept, so that the
request may come again (after the IETF draft "The Idempotency-Key HTTP Header Field").
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phoenix.adapters.access_store import AccessStore, Answer
from phoenix.api.gate.rules import API
from phoenix.domain.access.people import Principal
from phoenix.domain.errors import SpecError

HEADER = "idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")

LONGEST_KEY = 200
KEPT = timedelta(days=1)

_SECRET = f"{API}/auth/"
"""What goes in and out there is nobody's to keep: passwords, and tokens' secrets. To do it twice does no harm."""

_REPEATED_HEADERS = frozenset({"content-type", "location", "etag"})
_FIRST_SERVER_FAULT = 500


class Idempotency:
    """Carries a POST with a key out once.

    Args:
        app: What lies behind.
        store: Keeps what was answered.
    """

    def __init__(self, app: ASGIApp, *, store: Callable[[], AccessStore]) -> None:
        self._app = app
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        principal: Principal | None = scope.get("state", {}).get("principal")
        if (
            given is None
            or principal is None
            or scope["method"] != "POST"
            or scope["path"].startswith(_SECRET)
        ):
            await self._app(scope, receive, send)
            return
        if not 1 <= len(given) <= LONGEST_KEY:
            raise SpecError(
                f"The idempotency key has {len(given)} characters.",
                code="invalid_idempotency_key",
                hint=f"1 to {LONGEST_KEY} characters; a UUID does well",
            )
        body = await _whole(receive)
        key = _digest(principal.name, given)
        fingerprint = _digest(scope["path"], scope["query_string"].decode("latin-1"), body.hex())
        now = datetime.now(UTC)
        begun = await to_thread.run_sync(
            lambda: self._store().begin_request(key, fingerprint, now, forget_before=now - KEPT)
        )
        if begun is not None:
            await _replay(begun, send)
            return
        await self._carry_out(scope, _again(body, receive), send, key)

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send, key: str) -> None:
        recorder = _Recorder(send)
        answer: Answer | None = None
        try:
            await self._app(scope, receive, recorder)
            answer = recorder.answer()
        finally:
            await to_thread.run_sync(lambda: self._store().end_request(key, answer))


class _Recorder:
    """Passes an answer on and keeps it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = _FIRST_SERVER_FAULT
        self._headers: list[tuple[str, str]] = []
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            pairs = [
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in message["headers"]
            ]
            self._headers = [(name, value) for name, value in pairs if name in _REPEATED_HEADERS]
        else:
            self._body += message.get("body", b"")
        await self._send(message)

    def answer(self) -> Answer | None:
        return (
            None if self._status >= _FIRST_SERVER_FAULT else Answer(self._status, self._headers, self._body)
        )


async def _whole(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read already; what comes after it is the client's going."""
    is_given = False

    async def once() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


async def _replay(answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    length = (b"content-length", str(len(answer.body)).encode())
    await send(
        {"type": "http.response.start", "status": answer.status, "headers": [*headers, length, REPLAYED]}
    )
    await send({"type": "http.response.body", "body": answer.body})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
