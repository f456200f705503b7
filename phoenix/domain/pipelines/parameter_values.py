"""Readers of parameter values: each takes what a document holds and returns the normal form, or says why not.

Every reader raises ValueError, whose text goes on where "NAME" left off, such as "is 3.5, a whole number is needed".
"""

import math
import re
from collections.abc import Mapping
from typing import cast

from phoenix.domain.patterns import check_pattern

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))? ?([KMG]i?B|B)", re.ASCII | re.IGNORECASE)
_EXPORTER_NAME = re.compile(r"[a-zA-Z][0-9a-zA-Z_]*(?:/[^\s/]+)?", re.ASCII)


def read_regex(value: object) -> str:
    """A pattern in the common subset of RE2 and Python."""
    text = read_string(value)
    if reason := check_pattern(text):
        raise ValueError(reason)
    return text


def read_integer(value: object) -> int:
    """A whole number; 5.0 is not one, and neither is true."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"is {value!r}, a whole number is needed")  # noqa: TRY004 (one fault class)
    return value


def read_number(value: object) -> float:
    """A finite number. Whole ones become int: 1.0 and 1 are one value."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"is {value!r}, a number is needed")
    return int(value) if value == int(value) else value


def read_bytes(value: object) -> int:
    """A size as a whole number of bytes or as text: "100MiB" (2^20), "100MB" (10^6)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    size = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not size:
        raise ValueError(f'is {value!r}, a size such as "100MiB" is needed')
    whole, fraction, unit = size.groups(default="")
    scaled = int(whole + fraction) * _UNITS[unit.upper()]
    return scaled // 10 ** len(fraction)


def read_boolean(value: object) -> bool:
    """True or false, nothing else."""
    if not isinstance(value, bool):
        raise ValueError(f"is {value!r}, true or false is needed")  # noqa: TRY004 (one fault class)
    return value


def read_string(value: object) -> str:
    """Text without control characters."""
    if not isinstance(value, str):
        raise ValueError(f"is {value!r}, text is needed (put it in quotes)")  # noqa: TRY004 (one fault class)
    if any(ord(character) < 0x20 for character in value):
        raise ValueError("contains a control character")
    return value


def read_strings(value: object) -> list[str]:
    """A list of texts, not empty, each once."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"is {value!r}, a list of texts is needed")
    texts = [read_string(item) for item in cast("list[object]", value)]
    if len(set(texts)) != len(texts) or "" in texts:
        raise ValueError("names something twice, or nothing")
    return texts


def read_exporters(value: object) -> dict[str, object]:
    """A map from exporter name (`type` or `type/name`) to its configuration, as the collector has it."""
    if not isinstance(value, Mapping):
        raise ValueError(f"is {value!r}, a map of exporter names is needed")  # noqa: TRY004 (one fault class)
    exporters = cast("Mapping[object, object]", value)
    for name, config in exporters.items():
        if not isinstance(name, str) or not _EXPORTER_NAME.fullmatch(name):
            raise ValueError(f"names {name!r}, an exporter's name is its type, or type/name")
        if name.partition("/")[2] == "phoenix":
            raise ValueError(f"names {name}, but /phoenix is kept for what Phoenix adds itself")
        if config is not None and not isinstance(config, Mapping):
            raise ValueError(f"gives {name} something else than a configuration map")
    return cast("dict[str, object]", dict(exporters))
