"""What the scrapes showed over time, thinned for a chart: a document of columns.

Thinned means: of each stretch of scrapes the mean, and beside it the smallest and the largest value, so that a spike
stays in sight however long the run was. What was not measured is null.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Scrape, Variant


def columns_of(scrapes: Sequence[Scrape], points: int) -> dict[str, Any]:
    """The scrapes as columns, by host.

    Args:
        scrapes: By number, then host.
        points: At most so many for each host.

    Returns:
        `hosts`: for each `host`, `scrapes` (how many there are), `perPoint` (how many stand behind one point),
        `number`, `atSeconds` and `at` (s since the epoch) of the last of them, and `metrics`: name -> variant ->
        `mean`, `minimum`, `maximum`, each as long as `number`; without thinning only `mean`.
    """
    by_host: dict[str, list[Scrape]] = {}
    for scrape in scrapes:
        by_host.setdefault(scrape.host, []).append(scrape)
    return {"hosts": [_host(host, found, points) for host, found in by_host.items()]}


def _host(host: str, scrapes: Sequence[Scrape], points: int) -> dict[str, Any]:
    width = -(-len(scrapes) // points)
    stretches = [scrapes[start : start + width] for start in range(0, len(scrapes), width)]
    last = [stretch[-1] for stretch in stretches]
    metrics = {
        metric.value: {
            variant.value: _column(
                [[_value(s.arm(variant), metric) for s in stretch] for stretch in stretches]
            )
            for variant in Variant
        }
        for metric in Metric
        if any(_value(s.arm(variant), metric) is not None for s in scrapes for variant in Variant)
    }
    return {
        "host": host,
        "scrapes": len(scrapes),
        "perPoint": width,
        "number": [scrape.number for scrape in last],
        "atSeconds": [round(scrape.at_seconds, 3) for scrape in last],
        "at": [round(scrape.wall_seconds, 3) for scrape in last],
        "metrics": metrics,
    }


def _value(arm: ArmSample | None, metric: Metric) -> float | None:
    return None if arm is None else arm.values.get(metric)


def _column(stretches: Sequence[Sequence[float | None]]) -> dict[str, list[float | None]]:
    known = [[value for value in stretch if value is not None] for stretch in stretches]
    column = {"mean": [_mean(values) for values in known]}
    if any(len(stretch) > 1 for stretch in stretches):
        column["minimum"] = [min(values, default=None) for values in known]
        column["maximum"] = [max(values, default=None) for values in known]
    return column


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
