"""Values to JSON and back, exactly: a float keeps every bit, and what is missing stays missing.

An absent key and None are the same fact, so None is never written. A key this version does not know is refused: to
drop it silently would judge an experiment by half of what was measured.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from phoenix.domain.errors import StateError
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, ProcessIdentity, Reading, Scrape, Variant


def to_json(value: object) -> str:
    """Compact text; ASCII, so that names with undecodable bytes survive. NaN is refused: it is no JSON."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def plain(value: Mapping[str, object]) -> dict[str, object]:
    """`value` as it comes back from the store (tuples are lists).

    Raises before any database is involved: TypeError or ValueError for what JSON cannot hold.
    """
    return json.loads(to_json(dict(value)))


def as_utc(moment: datetime, *, naive_is_utc: bool = False) -> datetime:
    if moment.tzinfo is None:
        if not naive_is_utc:
            raise ValueError(f"{moment.isoformat()} has no time zone; the store keeps UTC only")
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def storable(text: str) -> str:
    """`text` with what a database column cannot hold written out: lone surrogates and NUL.

    The last words of a dead collector may be any bytes, and the reason of a failure must never fail to be kept.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


def exact(text: str) -> str:
    """`text`, for what is compared or hashed later: ValueError where a database column would change it."""
    if storable(text) != text:
        raise ValueError("the text holds NUL or lone surrogates; a database cannot keep it as it is")
    return text


def encode_scrape(scrape: Scrape) -> dict[str, object]:
    """The scrape as a JSON-compatible document."""
    arms = {"baseline": scrape.baseline, "candidate": scrape.candidate}
    return {
        "number": int(scrape.number),
        "host": scrape.host,
        "at_seconds": _finite(scrape.at_seconds, "at_seconds"),
        "wall_seconds": _finite(scrape.wall_seconds, "wall_seconds"),
        **{key: encode_arm(arm) for key, arm in arms.items() if arm is not None},
        **({"unmatched": list(scrape.unmatched)} if scrape.unmatched else {}),
        **({"undue": list(scrape.undue)} if scrape.undue else {}),
    }


def encode_arm(arm: ArmSample) -> dict[str, object]:
    """One variant's sample as a JSON-compatible document; what is missing has no key."""
    document: dict[str, object] = {}
    if arm.values:
        document["values"] = {str(metric): _finite(value, metric) for metric, value in arm.values.items()}
    if arm.critical:
        document["critical"] = int(arm.critical)
    if arm.missed:
        document["missed"] = [[process.name, int(process.pid)] for process in arm.missed]
    for key in _OPTIONAL_FLOATS:
        value = getattr(arm, key)
        if value is not None:
            document[key] = _finite(value, key)
    if arm.throttled_periods is not None:
        document["throttled_periods"] = int(arm.throttled_periods)
    if arm.error:
        document["error"] = arm.error
    if not arm.is_judged:
        document["is_judged"] = False
    return document


def decode_scrape(document: Mapping[str, object]) -> Scrape:
    """The scrape that `encode_scrape` wrote.

    Raises:
        StateError: A newer Phoenix wrote it, or it is damaged; the message names the key.
    """
    return Scrape(
        **_read(document, _SCRAPE_KEYS, _SCRAPE_REQUIRED, {"baseline": None, "candidate": None}, "scrape")
    )


def decode_reading(document: Mapping[str, Any]) -> Reading:
    """The part of the scrape that `encode_scrape` wrote which a chart shows; nothing else of it is looked at."""
    return Reading(
        document["number"],
        document["host"],
        document["at_seconds"],
        document["wall_seconds"],
        {variant: document.get(variant.value, _NOTHING).get("values", _NOTHING) for variant in Variant},
    )


def decode_arm(document: object) -> ArmSample:
    """The sample that `encode_arm` wrote; StateError as for `decode_scrape`."""
    if not isinstance(document, dict):
        raise TypeError("expected an object")
    return ArmSample(**_read(cast("dict[str, object]", document), _ARM_KEYS, frozenset(), {}, "sample"))


_NOTHING: Mapping[str, Any] = {}


def _finite(value: float, key: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{key} is {number}: what was not measured has no value, leave it out")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    return float(value)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("expected an integer")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _values(value: object) -> dict[Metric, float]:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return {Metric(name): _number(number) for name, number in cast("dict[str, object]", value).items()}


def _missed(value: object) -> tuple[ProcessIdentity, ...]:
    pairs = cast("list[tuple[object, object]]", value)
    return tuple(ProcessIdentity(_text(name), _integer(pid)) for name, pid in pairs)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in cast("list[object]", value))


_OPTIONAL_FLOATS = ("cpu_seconds", "points_received", "export_age_seconds", "coverage_slack")

_ARM_KEYS: dict[str, Callable[[object], Any]] = {
    "values": _values,
    "critical": _integer,
    "missed": _missed,
    **dict.fromkeys(_OPTIONAL_FLOATS, _number),
    "throttled_periods": _integer,
    "error": _text,
    "is_judged": _flag,
}

_SCRAPE_KEYS: dict[str, Callable[[object], Any]] = {
    "number": _integer,
    "host": _text,
    "at_seconds": _number,
    "wall_seconds": _number,
    "baseline": decode_arm,
    "candidate": decode_arm,
    "unmatched": _texts,
    "undue": _texts,
}

_SCRAPE_REQUIRED = frozenset({"number", "host", "at_seconds", "wall_seconds"})


def _read(
    document: Mapping[str, object],
    readers: Mapping[str, Callable[[object], Any]],
    required: frozenset[str],
    absent: Mapping[str, object],
    what: str,
) -> dict[str, Any]:
    """The fields of `document`, each by its reader; `absent` stands for the keys that are not there."""
    unknown = sorted(document.keys() - readers.keys())
    if unknown:
        raise _unreadable(what, f"it has the unknown field {', '.join(map(repr, unknown))}")
    missing = sorted(required - document.keys())
    if missing:
        raise _unreadable(what, f"it has no {', '.join(map(repr, missing))}")
    fields: dict[str, Any] = dict(absent)
    for key, value in document.items():
        try:
            fields[key] = readers[key](value)
        except (TypeError, ValueError) as fault:
            raise _unreadable(what, f"its field {key!r} is not readable ({fault})") from fault
    return fields


def _unreadable(what: str, why: str) -> StateError:
    return StateError(
        f"A stored {what} cannot be read: {why}.",
        code="unreadable_scrape",
        hint="A newer Phoenix may have written it: use that version, or delete the experiment.",
    )
