"""Puts parameters into a catalog template: in the parsed tree, never in text.

    ${param:NAME}   a scalar that is only this becomes the typed value; inside a longer text, the text or number
    ${ottl:NAME}    the value as a literal of the collector's transformation language, quotes included

A value can therefore never add a key, end a string early, or reach the environment: `$` of a value becomes `$$`, which
the collector reads as `$`.
"""

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import cast

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.trees import walk

_PLACEHOLDER = re.compile(r"\$\{(param|ottl):([a-z][a-z0-9_]*)\}")
_ANY_PLACEHOLDER = re.compile(r"\$\{(?:param|ottl):([^}]*\}?)")


def substitute(template: object, values: Mapping[str, object]) -> object:
    """The template with every placeholder replaced; `template` stays as it is.

    Raises:
        KeyError: If a placeholder names no value (`template_faults` finds it when the catalog is read).
        TypeError: If a list, a map or a boolean stands inside a longer text.
    """
    if isinstance(template, Mapping):
        items = cast("Mapping[str, object]", template).items()
        return {key: substitute(value, values) for key, value in items}
    if isinstance(template, list):
        return [substitute(item, values) for item in cast("list[object]", template)]
    if isinstance(template, str):
        return _substitute_text(template, values)
    return template


def template_faults(template: object, names: Collection[str]) -> tuple[Finding, ...]:
    """Every placeholder that names none of `names`."""
    findings: list[Finding] = []
    for path, value in walk(template):
        if not isinstance(value, str):
            continue
        for written in _ANY_PLACEHOLDER.findall(value):
            name = written.removesuffix("}")
            if name not in names or name == written:
                reason = f"the placeholder {name!r} names no parameter, or is not closed"
                fix = f"use one of {', '.join(sorted(names))}, or declare it"
                findings.append(Finding(Severity.ERROR, "catalog_entry", join_path(*path), reason, fix))
    return tuple(findings)


def _substitute_text(text: str, values: Mapping[str, object]) -> object:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole and whole[1] == "param":
        return _escaped(values[whole[2]])
    return _PLACEHOLDER.sub(lambda found: _inline(found[1], values[found[2]]), text)


def _inline(form: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"{value!r} cannot stand inside a longer text")
    return _escape(_ottl_literal(value) if form == "ottl" else str(value))


def _ottl_literal(value: str | float) -> str:
    """OTTL reads strings as Go does, whose escapes JSON's are among; its numbers have no exponent without a point."""
    return (
        json.dumps(value, ensure_ascii=False) if isinstance(value, str) else format(Decimal(str(value)), "f")
    )


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return _escape(value)
    if isinstance(value, list):
        return [_escaped(item) for item in cast("list[object]", value)]
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in cast("Mapping[str, object]", value).items()}
    return value


def _escape(text: str) -> str:
    return text.replace("$", "$$")
