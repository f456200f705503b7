"""What the scrapes showed over time, thinned for a chart: a document of columns.

Thinned means: of each stretch of scrapes the mean, and beside it the smallest and the largest value, so that a spike
stays in sight however long the run was. What was not measured is null.
"""

from collections.abc import Sequence
from typing import Any

from phoenix.domain.metrics import Metric
from phoenix.domain.samples import Reading, Variant


def columns_of(scrapes: Sequence[Reading], points: int) -> dict[str, Any]:
    """The scrapes as columns, by host.

    Args:
        scrapes: By number, then host.
        points: At most so many for each host.

    Returns:
        `hosts`: for each `host`, `scrapes` (how many there are), `perPoint` (how many stand behind one point),
        `number`, `atSeconds` and `at` (s since the epoch) of the last of them, and `metrics`: name -> variant ->
        `mean`, `minimum`, `maximum`, each as long as `number`; without thinning only `mean`.
    """
    by_host: dict[str, list[Reading]] = {}
    for scrape in scrapes:
        by_host.setdefault(scrape.host, []).append(scrape)
    return {"hosts": [_host(host, found, points) for host, found in by_host.items()]}


def _host(host: str, scrapes: Sequence[Reading], points: int) -> dict[str, Any]:
    width = -(-len(scrapes) // points)
    last = [scrapes[min(start + width, len(scrapes)) - 1] for start in range(0, len(scrapes), width)]
    values = {variant: [scrape.values[variant] for scrape in scrapes] for variant in Variant}
    seen = {metric for of_variant in values.values() for one in of_variant for metric in one}
    metrics = {
        metric.value: {
            variant.value: _column([one.get(metric.value) for one in values[variant]], width)
            for variant in Variant
        }
        for metric in Metric
        if metric.value in seen
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


def _column(found: Sequence[float | None], width: int) -> dict[str, list[float | None]]:
    if width == 1:
        return {"mean": list(found)}
    stretches = [
        [value for value in found[start : start + width] if value is not None]
        for start in range(0, len(found), width)
    ]
    return {
        "mean": [sum(known) / len(known) if known else None for known in stretches],
        "minimum": [min(known, default=None) for known in stretches],
        "maximum": [max(known, default=None) for known in stretches],
    }
