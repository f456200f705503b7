"""Errors as RFC 9457 problem details: what, why, and what to do, with our code; nothing of the inside.

The status follows from who can act (`PhoenixError.actor`) and, where that says more, from the code.
"""

import json
import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from phoenix.adapters.stores import STORE_UNAVAILABLE
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.findings import Finding, Severity, as_document

MEDIA_TYPE = "application/problem+json"

STATUS_OF_ACTOR = {
    SpecError.actor: HTTPStatus.UNPROCESSABLE_ENTITY,
    StateError.actor: HTTPStatus.CONFLICT,
    DependencyError.actor: HTTPStatus.BAD_GATEWAY,
    PhoenixError.actor: HTTPStatus.INTERNAL_SERVER_ERROR,
}

STATUS_OF_CODE = {
    "nothing_deployed": HTTPStatus.NOT_FOUND,
    "changed_meanwhile": HTTPStatus.PRECONDITION_FAILED,
    "wrong_credentials": HTTPStatus.UNAUTHORIZED,
    "not_signed_in": HTTPStatus.UNAUTHORIZED,
    "too_many_attempts": HTTPStatus.TOO_MANY_REQUESTS,
    "foreign_origin": HTTPStatus.FORBIDDEN,
    "csrf": HTTPStatus.FORBIDDEN,
    "not_allowed": HTTPStatus.FORBIDDEN,
    "unknown_host_name": HTTPStatus.MISDIRECTED_REQUEST,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    STORE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    "malformed_body": HTTPStatus.BAD_REQUEST,
}

_UNKNOWN = "unknown_"
"""What a reference in a path leads to is not there; `unknown_...` in a body is a fault of the body (SpecError)."""

log = logging.getLogger(__name__)


def status_of(fault: PhoenixError) -> HTTPStatus:
    """The HTTP status of an error."""
    if (known := STATUS_OF_CODE.get(fault.code)) is not None:
        return known
    if isinstance(fault, StateError) and fault.code.startswith(_UNKNOWN):
        return HTTPStatus.NOT_FOUND
    return STATUS_OF_ACTOR[fault.actor]


def document_of(fault: PhoenixError, path: str) -> dict[str, Any]:
    """The problem details of an error that was raised on purpose."""
    status = status_of(fault)
    findings = [as_document(finding) for finding in fault.findings] if isinstance(fault, SpecError) else []
    return {
        "type": f"urn:phoenix:problem:{fault.code}",
        "title": status.phrase,
        "status": int(status),
        "detail": fault.message,
        "code": fault.code,
        "actor": fault.actor,
        "hint": fault.hint,
        "instance": path,
        "findings": findings,
        "details": _plain(fault.details),
    }


def problem(fault: PhoenixError, path: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that failed."""
    document = document_of(fault, path)
    extra = dict(headers or {})
    if (seconds := fault.details.get("retryAfterSeconds")) is not None:
        extra.setdefault("Retry-After", str(seconds))
    if document["status"] == HTTPStatus.UNAUTHORIZED:
        extra.setdefault("WWW-Authenticate", 'Bearer realm="phoenix"')
    return _answer(document, extra)


def _answer(document: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    # ASCII: what is told of may hold half a character, which no UTF-8 can say.
    return Response(json.dumps(document).encode(), document["status"], headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of this application leave as problem details."""
    app.exception_handler(PhoenixError)(_on_phoenix_error)
    app.exception_handler(RequestValidationError)(_on_invalid_request)
    app.exception_handler(HTTPException)(_on_http_error)
    app.exception_handler(Exception)(_on_defect)


async def _on_phoenix_error(request: Request, fault: PhoenixError) -> Response:
    request.state.outcome = fault.code
    return problem(fault, request.url.path)


async def _on_invalid_request(request: Request, fault: RequestValidationError) -> Response:
    findings = [
        Finding(
            Severity.ERROR,
            "invalid_request",
            ".".join(str(part) for part in error["loc"]),
            str(error["msg"]).removeprefix("Value error, "),
            "see /openapi.json",
        )
        for error in fault.errors()
    ]
    is_no_json = any(error["type"] == "json_invalid" for error in fault.errors())
    first = findings[0] if findings else None
    words = f"{first.path}: {first.reason}" if first else "it is not what is expected"
    code = "malformed_body" if is_no_json else "invalid_request"
    error = SpecError(
        f"The request is not valid: {words}.",
        findings=findings,
        code=code,
        hint="/openapi.json describes what is expected",
    )
    return await _on_phoenix_error(request, error)


async def _on_http_error(request: Request, fault: HTTPException) -> Response:
    request.state.outcome = HTTPStatus(fault.status_code).name.lower()
    return http_problem(fault, request.url.path)


def http_problem(fault: HTTPException, path: str) -> Response:
    """What the framework refuses: no such route, no such method, too much."""
    status = HTTPStatus(fault.status_code)
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": str(fault.detail),
        "code": status.name.lower(),
        "actor": SpecError.actor,
        "hint": "/openapi.json lists what there is",
        "instance": path,
        "findings": [],
        "details": {},
    }
    return _answer(document, dict(fault.headers or {}))


async def _on_defect(request: Request, fault: Exception) -> Response:
    """A defect of ours: told apart by a number that is in the log too, and nothing else of it leaves."""
    number = secrets.token_hex(4)
    log.error("defect %s at %s %s", number, request.method, request.url.path, exc_info=fault)
    error = PhoenixError(
        f"This is a defect of Phoenix, number {number}.",
        code="defect",
        hint="the server's log has more of it",
    )
    request.state.outcome = error.code
    return problem(error, request.url.path)


def _plain(details: Mapping[str, object]) -> dict[str, object]:
    """Details come from everywhere; what JSON does not know becomes text."""
    return json.loads(json.dumps(dict(details), default=str))
