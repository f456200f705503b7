"""Durations as people and collectors write them: `250ms`, `5s`, `1m30s`, `2h`.

One form everywhere: spec files, parameters, rendered collector configurations. A bare number is refused, for nobody
can tell whether it meant seconds or milliseconds; nothing and less than nothing are refused too.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(h|ms|m|s|us))+$"

_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
_WHOLE = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s|us))+", re.ASCII)
_PART = re.compile(r"([0-9]+)(?:\.([0-9]+))?(h|ms|m|s|us)", re.ASCII)
_ORDER = ["h", "m", "s", "ms", "us"]
# Ten years: beyond it a duration is a typing mistake, and far below what a Go duration or a timedelta can hold.
_LONGEST = timedelta(days=3650)
_FIX = 'write a number with its unit, such as "5s", "250ms" or "1m30s"'


def parse_duration(text: str) -> timedelta:
    """Read a duration.

    Args:
        text: Parts of a number and a unit (h, m, s, ms, us), largest unit first, each unit once.

    Raises:
        ValueError: If `text` is no duration, is not above zero, or is finer than a microsecond; says what to write.
    """
    if len(text) > 100 or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a duration: {_FIX}")
    parts = _PART.findall(text)
    ranks = [_ORDER.index(unit) for _, _, unit in parts]
    if ranks != sorted(set(ranks)):
        raise ValueError(
            f"{text!r} is not a duration: write each unit once, the largest first, such as 1m30s"
        )
    total = sum(_microseconds(whole, fraction, unit, text) for whole, fraction, unit in parts)
    if total == 0:
        raise ValueError(f"{text!r} must be above zero")
    if total > _LONGEST // timedelta(microseconds=1):
        raise ValueError(f"{text[:40]!r} is longer than ten years")
    return timedelta(microseconds=total)


def _microseconds(whole: str, fraction: str, unit: str, text: str) -> int:
    """Exact, in integers: a float would turn 0.1s into something that no longer renders as 100ms."""
    scale = _MICROSECONDS[unit]
    value, rest = divmod(int(fraction or "0") * scale, 10 ** len(fraction))
    if rest:
        raise ValueError(f"{text!r} is finer than a microsecond")
    return int(whole) * scale + value


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as `value`, e.g. `1m30s`.

    Raises:
        ValueError: If `value` is not above zero.
    """
    rest = value // timedelta(microseconds=1)
    if rest <= 0:
        raise ValueError(f"{value} must be above zero")
    parts: list[str] = []
    for unit in _ORDER:
        count, rest = divmod(rest, _MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _validate(value: object) -> timedelta:
    if isinstance(value, timedelta):
        if value <= timedelta(0):
            raise ValueError(f"{value} must be above zero")
        return value
    if isinstance(value, str):
        return parse_duration(value)
    # Not TypeError: pydantic turns only ValueError into a finding of the field.
    raise ValueError(f"{value!r} has no unit: {_FIX}")


Duration = Annotated[
    timedelta,
    BeforeValidator(_validate, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["5s", "1m30s"]}),
]
"""A pydantic field that reads and writes "5s".

A schema for validation prints a timedelta default as ISO 8601; give `Field(json_schema_extra={"default": "5s"})` with it.
"""
