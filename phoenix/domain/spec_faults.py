"""Turns what pydantic found into findings that a person can act on: path, reason, what would be right."""

import difflib
import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path

_PREFIX = re.compile(r"^(Value error|Assertion failed), ")


def findings_of(invalid: ValidationError, model: type[BaseModel]) -> tuple[Finding, ...]:
    """One finding for each wrong field, in the order of the document."""
    return tuple(_finding(fault, model) for fault in invalid.errors(include_url=False))


def _finding(fault: ErrorDetails, model: type[BaseModel]) -> Finding:
    path = join_path(*_as_written(fault["loc"], model)) or "(the document)"
    match fault["type"]:
        case "extra_forbidden":
            key = str(fault["loc"][-1])
            return Finding(
                Severity.ERROR, "unknown_field", path, f"there is no field {key!r}", _near(key, fault, model)
            )
        case "missing":
            return Finding(Severity.ERROR, "missing_field", path, "it must be given", "add it")
        case "enum" | "literal_error":
            expected = str((fault.get("ctx") or {}).get("expected", ""))
            reason = f"{fault['input']!r} is not known here"
            return Finding(Severity.ERROR, "unknown_value", path, reason, f"write one of {expected}")
        case _:
            reason = _PREFIX.sub("", fault["msg"])
            given = f" (given: {fault['input']!r})" if isinstance(fault["input"], str | int | float) else ""
            return Finding(Severity.ERROR, "invalid_value", path, reason + given, _bounds(fault))


def _bounds(fault: ErrorDetails) -> str:
    context = {k: v for k, v in (fault.get("ctx") or {}).items() if k in ("ge", "gt", "le", "lt", "pattern")}
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "pattern": "text matching"}
    return (
        "write " + " and ".join(f"{words[k]} {v}" for k, v in context.items())
        if context
        else "correct it as said"
    )


def _near(key: str, fault: ErrorDetails, model: type[BaseModel]) -> str:
    known = _fields_at(model, fault["loc"][:-1])
    near = difflib.get_close_matches(key, known, n=1)
    listed = f"known here: {', '.join(known)}" if known else "remove it"
    return f"did you mean {near[0]!r}? ({listed})" if near else listed


def _as_written(location: Sequence[int | str], model: type[BaseModel]) -> list[int | str]:
    """The way as a document spells it: pydantic names a default that is wrong by its name in Python."""
    written: list[int | str] = []
    current: type[BaseModel] | None = model
    for part in location:
        field = current.model_fields.get(part) if current and isinstance(part, str) else None
        written.append(field.alias or part if field else part)
        if isinstance(part, str) and current:
            known = (f for n, f in current.model_fields.items() if part in (n, f.alias))
            current = next((_model_in(f.annotation) for f in known), None)
    return written


def _fields_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        field = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
        current = _model_in(field.annotation) if field else None
        if current is None:
            return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)


def matching(pattern: str, words: str) -> BeforeValidator:
    """Refuses a text in words for people; the same pattern in the field itself is for its schema."""

    def check(text: object) -> object:
        if isinstance(text, str) and not re.fullmatch(pattern, text):
            raise ValueError(words)
        return text

    return BeforeValidator(check)
