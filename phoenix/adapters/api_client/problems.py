"""What an answer that is no success means: problem details (RFC 9457) of a Phoenix server, as the error they were."""

from collections.abc import Mapping
from typing import Any, cast

from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.findings import Finding, Severity

_KINDS = {kind.actor: kind for kind in (SpecError, StateError, DependencyError, PhoenixError)}


def error_of(document: object) -> PhoenixError | None:
    """The error that problem details tell of; None where they are not those of a Phoenix server.

    Args:
        document: The answer's JSON.
    """
    if not isinstance(document, Mapping):
        return None
    problem = cast("Mapping[str, Any]", document)
    kind = _KINDS.get(str(problem.get("actor")))
    code, message = problem.get("code"), problem.get("detail")
    if kind is None or not isinstance(code, str) or not isinstance(message, str):
        return None
    facts: dict[str, Any] = {
        "code": code,
        "hint": _text(problem.get("hint")),
        "details": _mapping(problem.get("details")),
    }
    if kind is SpecError:
        return SpecError(message, findings=_findings(problem.get("findings")), **facts)
    return kind(message, **facts)


def _findings(found: object) -> tuple[Finding, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(_finding(_mapping(one)) for one in cast("list[object]", found))


def _finding(found: Mapping[str, Any]) -> Finding:
    severity = Severity.WARNING if found.get("severity") == Severity.WARNING else Severity.ERROR
    code, path, reason, fix = (_text(found.get(key)) for key in ("code", "path", "reason", "fix"))
    return Finding(severity, code, path, reason, fix)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
