"""One request to a Phoenix server: where to, as whom, tried how often, and what comes back."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn, Self, cast
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from phoenix.adapters.api_client.problems import error_of
from phoenix.domain.errors import DependencyError, SpecError

API = "/api/v1"

PATIENCE = timedelta(minutes=15)
"""For one answer: a deployment on many hosts is answered once it serves on the last of them."""

_CONNECTING_SECONDS = 10.0

_PAUSES = (0.2, 0.8)
"""Seconds before a GET that found no connection is tried again."""

_UNCONNECTED = (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Query = Mapping[str, str | int | Sequence[str] | None]


class ApiClient:
    """Asks one Phoenix server.

    Args:
        base_url: Where people reach it, with or without `/api/v1`.
        token: `phx_...`; "" for a server without sign-in. It is never shown.
        timeout: For one answer.
        transport: What carries requests; the network if left out.

    Raises (every verb): The error that the server tells of, as it was raised there; DependencyError
    `server_unreachable` where there is no connection, `server_silent` where there is no answer in time, and
    `no_phoenix_server` where the answer is not that of a Phoenix server.
    """

    def __init__(
        self,
        base_url: str,
        token: str = "",
        timeout: timedelta = PATIENCE,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = _checked_url(base_url)
        headers = {"Accept": "application/json", **_authorization(token)}
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(timeout.total_seconds(), connect=_CONNECTING_SECONDS),
            # To read the certificates of the world takes longer than a request.
            verify=self._url.startswith("https:"),
            # Nobody's proxy leads to this machine.
            trust_env=urlsplit(self._url).hostname not in _LOOPBACK,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"ApiClient({self._url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the server is, without the path of its API."""
        return self._url.removesuffix(API)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """The document at `path`, which begins behind `/api/v1`; what is None of the query is left out."""
        return self._document(self._ask("GET", path, query))

    def text(self, path: str) -> str:
        """What is no document, such as a report."""
        return self._ask("GET", path, None, accept="*/*").text

    def post(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Carried out once, however often it arrives: each call has a key of its own."""
        return self._document(self._ask("POST", path, None, body={} if body is None else body))

    def put(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return self._document(self._ask("PUT", path, None, body=body))

    def patch(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return self._document(self._ask("PATCH", path, None, body=body))

    def delete(self, path: str) -> dict[str, Any]:
        return self._document(self._ask("DELETE", path, None))

    def _ask(
        self,
        method: str,
        path: str,
        query: Query | None,
        *,
        body: Mapping[str, object] | None = None,
        accept: str | None = None,
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            f"{self._url}{path}",
            params=_given(query or {}),
            content=None if body is None else _encoded(body),
            headers={
                **({} if body is None else {"Content-Type": "application/json"}),
                **({"Idempotency-Key": str(uuid4())} if method == "POST" else {}),
                **({"Accept": accept} if accept else {}),
            },
        )
        answer = self._sent(request, _PAUSES if method == "GET" else ())
        if not answer.is_success:
            self._refuse(answer)
        return answer

    def _sent(self, request: httpx.Request, pauses: Sequence[float]) -> httpx.Response:
        left = list(pauses)
        while True:
            try:
                return self._http.send(request)
            except httpx.HTTPError as fault:
                if not (left and isinstance(fault, _UNCONNECTED)):
                    # Its request has the token in its headers: only the words go on.
                    raise self._unanswered(fault) from None
            time.sleep(left.pop(0))

    def _unanswered(self, fault: httpx.HTTPError) -> DependencyError:
        has_sent = isinstance(fault, httpx.ReadTimeout | httpx.WriteTimeout)
        return self._silent() if has_sent else self._unreachable(fault)

    def _unreachable(self, fault: Exception) -> DependencyError:
        return DependencyError(
            f"The Phoenix server at {self._url} cannot be reached: {fault or type(fault).__name__}",
            code="server_unreachable",
            hint="phoenix server starts one; PHOENIX_API_URL says where it is",
        )

    def _silent(self) -> DependencyError:
        return DependencyError(
            f"The Phoenix server at {self._url} did not answer in time.",
            code="server_silent",
            hint="it may go on with what was asked: look before you ask again",
        )

    def _refuse(self, answer: httpx.Response) -> NoReturn:
        fault = error_of(_json(answer))
        raise fault if fault is not None else self._strange(f"status {answer.status_code}")

    def _document(self, answer: httpx.Response) -> dict[str, Any]:
        document = _json(answer)
        if not isinstance(document, dict):
            raise self._strange("no document")
        return cast("dict[str, Any]", document)

    def _strange(self, what: str) -> DependencyError:
        """What it says is not repeated: whoever answers may say our own token."""
        return DependencyError(
            f"What answers at {self._url} is no Phoenix server: {what}.",
            code="no_phoenix_server",
            hint="see whether the address is right, and what stands before it",
        )


def segment(name: str) -> str:
    """`name` as one part of a path, whatever is in it.

    Raises:
        SpecError: It is empty, which no path can say.
    """
    if not name:
        raise SpecError("An empty name names nothing.", code="empty_name", hint="give an id or a name")
    try:
        quoted = quote(name, safe="")
    except UnicodeEncodeError as fault:
        raise SpecError(f"{name!r} is no text that can be sent.", code="invalid_text") from fault
    # A client would take . and .. for folders.
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def _given(query: Query) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for key, value in query.items():
        values = [] if value is None else [value] if isinstance(value, str | int) else value
        found += [(key, str(one)) for one in values]
    return tuple(found)


def _encoded(body: Mapping[str, object]) -> bytes:
    """ASCII: whatever is in a text arrives there, to be judged."""
    try:
        return json.dumps(body, allow_nan=False).encode("ascii")
    except (TypeError, ValueError) as fault:
        raise SpecError(f"What was asked for cannot be sent: {fault}.", code="invalid_document") from fault


def _json(answer: httpx.Response) -> object:
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def _checked_url(text: str) -> str:
    """The URL of the API.

    Raises:
        SpecError: It is none, or holds a password, which would be shown wherever it is.
    """
    hint = "such as https://phoenix.example or http://127.0.0.1:8080"
    try:
        parts = urlsplit(text.strip())
        has_login, host, _ = "@" in parts.netloc, parts.hostname, parts.port
    except ValueError as fault:
        raise SpecError(
            "The URL of the Phoenix server is not well formed.", code="invalid_url", hint=hint
        ) from fault
    if has_login:
        raise SpecError(
            "The URL of the Phoenix server holds a name or a password.",
            code="invalid_url",
            hint="send a token instead: PHOENIX_TOKEN",
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise SpecError(f"{text!r} is not the URL of a server.", code="invalid_url", hint=hint)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(API)}{API}"


def _authorization(token: str) -> dict[str, str]:
    """Checked here: a client that refuses a header quotes it.

    Raises:
        SpecError: It can be no token.
    """
    text = token.strip()
    if not text:
        return {}
    if not all("!" <= letter <= "~" for letter in text):
        raise SpecError(
            "The token holds what no token does: a space, or what is not ASCII.",
            code="invalid_token",
            hint="copy it anew; it begins with phx_",
        )
    return {"Authorization": f"Bearer {text}"}
