"""How figures, states and verdicts read to people, the same in the terminal and in the report.

A missing value is a dash. A state is always a symbol and a word, so that nothing hangs on colour.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.phrases import percent, signed_percent
from phoenix.domain.metrics import NATURES, Metric

MISSING = "–"  # noqa: RUF001 - a dash, as typographers write a missing value

_ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\\\)?)")

LABELS: dict[Metric, str] = {
    Metric.SERIES: "active series",
    Metric.DISTINCT_SERIES: "distinct series",
    Metric.DATAPOINTS_PER_SECOND: "data points per second",
    Metric.BYTES_PER_SECOND: "OTLP bytes per second",
    Metric.COLLECTOR_CPU_CORES: "collector CPU",
    Metric.COLLECTOR_MEMORY_BYTES: "collector memory",
    Metric.CRITICAL_RETENTION: "critical retention",
    Metric.CPU_COVERAGE: "CPU coverage",
    Metric.MEMORY_COVERAGE: "memory coverage",
    Metric.VALUE_ERROR: "value error",
    Metric.FLAP_RATE: "flapping processes",
    Metric.DETECTION_DELAY_SECONDS: "detection delay",
}

"""A short name for each phase, and what it means."""


class State(NamedTuple):
    """How a criterion or a verdict stands, never by colour alone."""

    symbol: str
    word: str


PASSED, FAILED, OPEN = State("✓", "pass"), State("✗", "fail"), State("?", "open")


def state_of(passed: bool | None) -> State:
    return OPEN if passed is None else PASSED if passed else FAILED


def label_of(metric: str) -> str:
    return LABELS[Metric(metric)]


def clean(text: object) -> str:
    """Text of others without control characters: a process name must not drive somebody's terminal."""
    plain = _ESCAPE_SEQUENCE.sub("", str(text)).replace("\t", " ")
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in plain)


def amount(metric: str, value: float | None) -> str:
    """A level in human units, e.g. `0.097 cores`, `57.1 MiB`, `2,576`, `98.2 %`; a dash where it is missing."""
    if value is None:
        return MISSING
    if metric == Metric.CRITICAL_RETENTION and value == 1:
        return "none missed"
    match NATURES[Metric(metric)].unit:
        case "1":
            return share(value)
        case "By":
            return size(value)
        case "By/s":
            return f"{size(value)}/s"
        case "{cpu}":
            return f"{_digits(value)} cores"
        case "s":
            return f"{value:,.2f} s"
        case "{series}":
            return f"{value:,.0f}"
        case _:
            return f"{value:,.0f}/s" if value >= 100 or value == 0 else f"{value:.3g}/s"


def share(value: float | None) -> str:
    """A share as a percentage; what falls short of the whole never reads as 100 %."""
    if value is None:
        return MISSING
    return "> 99.9 %" if 0.9995 <= value < 1 else percent(value)


def size(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} GiB"


def _digits(value: float) -> str:
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"


def span(seconds: float) -> str:
    """A time span with at most two units, e.g. `2 min 10 s`."""
    whole = max(0, round(seconds))
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((i for i, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{n} {unit}" for i, (n, unit) in enumerate(parts[first : first + 2]) if n or not i)


def interval_text(lower: float | None, upper: float | None, *, signed: bool = False) -> str:
    if lower is None or upper is None:
        return MISSING
    words = signed_percent if signed else percent
    return f"[{words(lower)}, {words(upper)}]"


def inequality(criterion: Mapping[str, Any]) -> str:
    """What is wanted, e.g. `active series cut ≥ 50.0 %`."""
    metric, limit = criterion["metric"], criterion["limit"]
    name = label_of(metric)
    match Kind(criterion["kind"]):
        case Kind.MINIMUM_REDUCTION:
            return f"{name} cut ≥ {percent(limit)}"
        case Kind.MAXIMUM_INCREASE:
            return f"{name} increase ≤ {percent(limit)}"
        case Kind.MINIMUM:
            return f"{name} ≥ {share(limit)}"
        case Kind.MAXIMUM:
            return f"{name} ≤ {amount(metric, limit)}"


def standing(criterion: Mapping[str, Any], miss_bound: float | None = None) -> str:
    """What was found, e.g. `92.9 % [92.7 %, 93.2 %]`; a fact has no interval, and no miss is never all there is to say.

    Args:
        criterion: As the comparison's document has it.
        miss_bound: Upper bound on the share of scrapes with a miss; None where there is none.
    """
    value, kind, metric = criterion["value"], Kind(criterion["kind"]), criterion["metric"]
    if value is None:
        return MISSING
    if kind in (Kind.MINIMUM, Kind.MAXIMUM):
        if metric == Metric.CRITICAL_RETENTION and miss_bound is not None:
            return f"{amount(metric, value)} (bound {percent(miss_bound)})"
        return amount(metric, value)
    signed = kind is Kind.MAXIMUM_INCREASE
    shown = signed_percent(value) if signed else percent(value)
    if criterion["lower"] is None or criterion["upper"] is None:
        return f"{shown}, no interval yet"
    return f"{shown} {interval_text(criterion['lower'], criterion['upper'], signed=signed)}"


def confidence(alpha: float | None) -> str:
    return MISSING if alpha is None else f"{100 * (1 - alpha):g} %"


def critical_sentence(critical: Mapping[str, Any], alpha: float | None) -> str:
    """Kept and missed, with the bound: without a miss in n scrapes, more than that is not known."""
    processes, missed = critical["processes"], cast("Sequence[Any]", critical["missed"])
    if not processes and not missed:
        return "no critical process had to be exported"
    names = {(m["host"], m["name"], m["pid"]) for m in missed}
    if len(names) > processes:
        kept = f"{len(names)} missed at least once, at most {processes} alive at one time"
    else:
        kept = f"{processes - len(names)} of {processes} kept"
    bound = critical["missUpperBound"]
    if bound is None:
        return f"{kept}; no bound on misses yet"
    return f"{kept}; at most {percent(bound)} of scrapes miss one, with {confidence(alpha)} confidence"


def missed_sentences(missed: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{clean(m['name'])} (pid {m['pid']}) on {clean(m['host'])} missed in {times(m['scrapes'], 'scrape')}"
        for m in missed
    ]


def times(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def is_range_rule(effect: Mapping[str, Any] | None) -> bool:
    """Whether a heuristic without an error rate gave the interval."""
    return effect is not None and effect["method"] == "range_rule"


def elapsed(summary: Mapping[str, Any], now: datetime | None = None) -> float | None:
    """Seconds from the start to the end, or to `now` while it runs; None before the start."""
    if summary["startedAt"] is None:
        return None
    started = datetime.fromisoformat(summary["startedAt"])
    ended = datetime.fromisoformat(summary["finishedAt"]) if summary["finishedAt"] else now
    return None if ended is None else (ended - started).total_seconds()
