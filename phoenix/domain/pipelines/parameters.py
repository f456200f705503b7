"""Typed parameters of a catalog pipeline: what one accepts, and what was made of the values given.

Values stay in the form a document has (a duration is "10s", never a timedelta), but normalised: "10000ms" and "10s" are
the same value, so that they give the same version.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import assert_never, cast

from phoenix.domain.durations import format_duration, parse_duration
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.pipelines.parameter_values import (
    read_boolean,
    read_bytes,
    read_exporters,
    read_integer,
    read_number,
    read_regex,
    read_string,
    read_strings,
)

Bound = int | float | str
"""A limit as the catalog writes it: a number, or a duration or size as text."""


class ParameterType(StrEnum):
    """What a parameter's value is, and how it is written."""

    DURATION = "duration"
    REGEX = "regex"
    INTEGER = "integer"
    NUMBER = "number"
    BYTES = "bytes"
    BOOLEAN = "boolean"
    STRING = "string"
    STRINGS = "strings"
    ENUM = "enum"
    EXPORTERS = "exporters"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, as a catalog entry declares it.

    Attributes:
        name: As it stands in `${param:NAME}` and in `parameters`.
        type: What it accepts.
        default: Used where nothing is given; obeys the bounds too.
        help: What it does, one sentence.
        minimum: Least value, in the parameter's own notation; None where unbounded.
        maximum: Greatest value, likewise.
        unit: What a number counts; "" where the notation says it.
        choices: What an enum accepts, or each item of `strings`; empty means anything.
    """

    name: str
    type: ParameterType
    default: object
    help: str
    minimum: Bound | None = None
    maximum: Bound | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was made of the values given.

    Attributes:
        values: A value for every parameter, in declared order; of use only where `findings` is empty.
        findings: Every fault.
    """

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    findings: tuple[Finding, ...] = ()


def resolve_parameters(
    declared: Sequence[Parameter], given: Mapping[str, object], *, path: str = "parameters"
) -> Resolution:
    """Check and normalise the values given, and fill in the defaults; all faults at once."""
    findings = [_unknown(name, declared, path) for name in given if name not in {p.name for p in declared}]
    values: dict[str, object] = {}
    for parameter in declared:
        try:
            values[parameter.name] = read_value(parameter, given.get(parameter.name, parameter.default))
        except ValueError as fault:
            where = join_path(path, parameter.name)
            reason = f"{parameter.name} {fault}"
            findings.append(Finding(Severity.ERROR, "wrong_parameter", where, reason, _expected(parameter)))
    return Resolution(values, tuple(findings))


def read_value(parameter: Parameter, value: object) -> object:
    """Check one value and bring it into its normal form.

    Raises:
        ValueError: Says what is wrong with it, as the rest of a sentence that begins with the parameter's name.
    """
    read = _READERS[parameter.type](value)
    if parameter.choices:
        _check_choices(parameter, read)
    size = _magnitude(parameter.type, read)
    if size is None:
        return read
    if parameter.minimum is not None and size < _bound(parameter, parameter.minimum):
        raise ValueError(f"is {read}, at least {parameter.minimum} is needed")
    if parameter.maximum is not None and size > _bound(parameter, parameter.maximum):
        raise ValueError(f"is {read}, at most {parameter.maximum} is accepted")
    return read


def from_text(parameter: Parameter, text: str) -> object:
    """The document value that `--set NAME=TEXT` means; text that does not fit stays as it is, to be refused."""
    match parameter.type:
        case ParameterType.INTEGER | ParameterType.NUMBER:
            return _number_or_text(text)
        case ParameterType.BOOLEAN:
            return {"true": True, "false": False}.get(text.lower(), text)
        case ParameterType.STRINGS:
            return [part.strip() for part in text.split(",")]
        case (
            ParameterType.DURATION
            | ParameterType.REGEX
            | ParameterType.BYTES
            | ParameterType.STRING
            | ParameterType.ENUM
            | ParameterType.EXPORTERS
        ):
            return text
        case _:
            assert_never(parameter.type)


def _read_duration(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'is {value!r}, a duration such as "10s" is needed')  # noqa: TRY004 (one fault class)
    try:
        return format_duration(parse_duration(value))
    except ValueError as fault:
        raise ValueError(f"is no duration: {fault}") from fault


_READERS: Mapping[ParameterType, Callable[[object], object]] = {
    ParameterType.DURATION: _read_duration,
    ParameterType.REGEX: read_regex,
    ParameterType.INTEGER: read_integer,
    ParameterType.NUMBER: read_number,
    ParameterType.BYTES: read_bytes,
    ParameterType.BOOLEAN: read_boolean,
    ParameterType.STRING: read_string,
    ParameterType.STRINGS: read_strings,
    ParameterType.ENUM: read_string,
    ParameterType.EXPORTERS: read_exporters,
}


def _check_choices(parameter: Parameter, read: object) -> None:
    items = cast("list[object]", read) if isinstance(read, list) else [read]
    wrong = [str(item) for item in items if item not in parameter.choices]
    if wrong:
        raise ValueError(f"is {', '.join(wrong)}, one of {', '.join(parameter.choices)} is needed")


def _magnitude(kind: ParameterType, read: object) -> float | None:
    """What the bounds bound; None for types that have no size."""
    if kind is ParameterType.DURATION:
        return parse_duration(cast("str", read)).total_seconds()
    if isinstance(read, int | float) and not isinstance(read, bool):
        return read
    return None


def _bound(parameter: Parameter, bound: Bound) -> float:
    if parameter.type is ParameterType.DURATION:
        return parse_duration(cast("str", bound)).total_seconds()
    if parameter.type is ParameterType.BYTES:
        return read_bytes(bound)
    return cast("float", bound)


def _number_or_text(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text) if "_" not in text else text
        except ValueError:
            continue
    return text


def _expected(parameter: Parameter) -> str:
    """What would be right, for the finding's fix."""
    limits = [f"at least {parameter.minimum}" if parameter.minimum is not None else ""]
    limits.append(f"at most {parameter.maximum}" if parameter.maximum is not None else "")
    limits.append(f"one of {', '.join(parameter.choices)}" if parameter.choices else "")
    bounds = "".join(f", {limit}" for limit in limits if limit)
    default = f"; the default is {parameter.default}" if parameter.default not in ({}, []) else ""
    return f"give a value of type {parameter.type}{bounds}{default}"


def _unknown(name: str, declared: Sequence[Parameter], path: str) -> Finding:
    names = [parameter.name for parameter in declared]
    near = get_close_matches(name, names, n=1)
    fix = f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}"
    reason = f"{name} is not a parameter of this pipeline"
    return Finding(Severity.ERROR, "unknown_parameter", join_path(path, name), reason, fix)
