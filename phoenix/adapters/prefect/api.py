"""A Prefect server's REST API, by the standard library: importing Prefect's own client takes two seconds of CPU."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit

from phoenix.domain.errors import DependencyError

TIMEOUT_SECONDS = 10.0
"""For one answer; a server whose SQLite is locked for longer is asked again the next time."""

_NOT_FOUND = 404
_REFUSALS = {409: "prefect_conflict", 410: "prefect_gone", 423: "prefect_locked", 503: "prefect_busy"}
_PAUSES_WHILE_BUSY = (0.25, 0.5, 1.0, 2.0)
"""Seconds. A server whose SQLite is locked for a moment says so and has done nothing: it is asked again."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        body: The JSON document; None where there is none.
        at: The server's own time, UTC.
    """

    body: Any
    at: datetime


class PrefectApi:
    """Asks one server.

    Args:
        url: The value of PREFECT_API_URL.
        environ: Where PREFECT_API_KEY or PREFECT_API_AUTH_STRING is, if the server wants one.
        patience_seconds: For one answer.

    Raises (every verb): DependencyError `prefect_unreachable` where there is no answer in time, `prefect_refused`
    where the answer is a refusal, `prefect_conflict`, `prefect_gone`, `prefect_locked` or `prefect_busy` where
    it says so.
    """

    def __init__(
        self, url: str, environ: Mapping[str, str], patience_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._url = url.rstrip("/")
        self._patience_seconds = patience_seconds
        self._headers = {"Content-Type": "application/json", **_credentials(environ)}
        # Nobody's proxy leads to this machine.
        direct = urlsplit(url).hostname in _LOOPBACK
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))

    def get(self, path: str) -> Answer | None:
        """None where the server knows no such thing."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, object] | Sequence[object]) -> Answer | None:
        """None where the server knows no such thing."""
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer | None:
        for pause in _PAUSES_WHILE_BUSY:
            try:
                return self._ask_once(method, path, body)
            except DependencyError as refusal:
                if refusal.code != "prefect_busy":
                    raise
            time.sleep(pause)
        return self._ask_once(method, path, body)

    def _ask_once(self, method: str, path: str, body: bytes | None) -> Answer | None:
        request = urllib.request.Request(  # noqa: S310 - the user's own server
            self._url + path, data=body, headers=self._headers, method=method
        )
        try:
            with self._opener.open(request, timeout=self._patience_seconds) as response:
                return _answer(cast(HTTPResponse, response))
        except urllib.error.HTTPError as refusal:
            with refusal:
                if refusal.code == _NOT_FOUND:
                    return None
                raise self._refused(refusal) from refusal
        except (urllib.error.URLError, OSError, HTTPException, ValueError) as silence:
            raise DependencyError(
                f"The Prefect server at {self._place()} does not answer: {getattr(silence, 'reason', silence)}",
                code="prefect_unreachable",
                hint="phoenix up status, or PREFECT_API_URL",
            ) from silence

    def _refused(self, refusal: urllib.error.HTTPError) -> DependencyError:
        return DependencyError(
            f"The Prefect server at {self._place()} refuses us: {refusal.code} {refusal.reason}",
            code=_REFUSALS.get(refusal.code, "prefect_refused"),
            hint="PREFECT_API_KEY or PREFECT_API_AUTH_STRING, where the server asks for one",
        )

    def _place(self) -> str:
        """Host and port: a URL can hold a password."""
        parts = urlsplit(self._url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _answer(response: HTTPResponse) -> Answer:
    text = response.read()
    at = datetime.now(UTC)
    with suppress(TypeError, ValueError):
        at = parsedate_to_datetime(str(response.headers["Date"])).astimezone(UTC)
    return Answer(json.loads(text) if text else None, at)


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    if pair := environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    if key := environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    return {}
