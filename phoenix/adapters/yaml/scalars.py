"""What a plain YAML scalar means: as the collector's own reader has it, not as YAML 1.1 does.

PyYAML would read `on` as true, `1:30` as ninety and `2026-01-01` as a date; the collector reads all three as text.
Phoenix must see the document that the collector will.
"""

import math
import re

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)", re.ASCII)
_BASED = re.compile(r"([-+]?)0(?:o?([0-7_]+)|[xX]([0-9a-fA-F_]+)|b([01_]+))", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 64


def plain_value(text: str) -> bool | int | float | str | None:
    """The value of an unquoted scalar.

    Raises:
        ValueError: If it is not a finite number; no setting can mean that, and JSON cannot carry it.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    return _number(text)


def reads_as_text(text: str) -> bool:
    """Whether `text`, written without quotes, would be read as that text."""
    try:
        return isinstance(plain_value(text), str)
    except ValueError:
        return False


def _number(text: str) -> int | float | str:
    if _DECIMAL.fullmatch(text):
        return _whole(int(text.replace("_", "")))
    if based := _BASED.fullmatch(text):
        sign, octal, hexadecimal, binary = based.groups()
        digits, base = (octal, 8) if octal else (hexadecimal, 16) if hexadecimal else (binary, 2)
        return _based(text, sign + digits.replace("_", ""), base)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    if not _FLOAT.fullmatch(text):
        return text
    value = float(text.replace("_", ""))
    if math.isinf(value):
        raise ValueError(f"{text} is too large for a number")
    return value


def _based(text: str, digits: str, base: int) -> int | float | str:
    """Underscores alone are no digits: such a scalar is text."""
    return _whole(int(digits, base)) if digits.strip("+-") else text


def _whole(value: int) -> int | float:
    """Beyond 64 bits the collector reads a float."""
    return value if -(2**63) <= value < 2**64 else float(value)
