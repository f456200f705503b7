"""Which charts a report shows, from scrapes: what each variant did, and how the objective's interval narrowed."""

from collections.abc import Sequence

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.comparison import Design
from phoenix.domain.decision.design import FIRST_LOOK
from phoenix.domain.decision.effects import SUMMED, reduction_effect
from phoenix.domain.decision.pairing import open_window, pair
from phoenix.domain.decision.phrases import percent
from phoenix.domain.decision.sequence import measure
from phoenix.domain.metrics import NATURES, Metric
from phoenix.domain.samples import Scrape, Variant
from phoenix.services.views.charts import Band, Chart, Line, has_data, thinned
from phoenix.services.views.ticks import Tick, ticks_of
from phoenix.services.views.wording import LABELS, amount

MOST_LOOKS = 60
"""Points at which the interval is computed again for its chart."""

SHOWN: tuple[tuple[Metric, str, float], ...] = (
    (Metric.SERIES, "active series", 1.0),
    (Metric.COLLECTOR_CPU_CORES, "collector CPU, cores", 1.0),
    (Metric.COLLECTOR_MEMORY_BYTES, "collector memory, MiB", 1 / 2**20),
    (Metric.CPU_COVERAGE, "CPU coverage, %", 100.0),
)
"""Metric, title with unit, and the factor from the metric's unit to the shown one."""


def charts_of(scrapes: Sequence[Scrape], design: Design) -> list[Chart]:
    """Every chart that has data, the objective's interval first."""
    ticks = ticks_of(sorted(scrapes, key=lambda s: (s.number, s.host)))
    if not ticks:
        return []
    charts = [narrowing(scrapes, design), *(_over_time(ticks, design, *shown) for shown in SHOWN)]
    return [chart for chart in charts if has_data(chart)]


def narrowing(scrapes: Sequence[Scrape], design: Design) -> Chart:
    """The objective's interval at up to `MOST_LOOKS` looks, as the comparison saw it at each of them."""
    metric, limit = design.objective.metric, design.objective.limit
    pairs = pair(open_window(scrapes, design), metric)
    baseline, candidate = pairs.baseline.sum(axis=0), pairs.candidate.sum(axis=0)
    estimates: list[tuple[float, float | None]] = []
    band: list[tuple[float, float | None, float | None]] = []
    for n in look_places(len(baseline)):
        effect = reduction_effect(
            measure(baseline[:n], candidate[:n], NATURES[metric].step, design.tau), design.alpha
        )
        estimates.append((n, _percent(effect.estimate)))
        # Below -100 % an interval says nothing more, and would flatten the chart.
        band.append((n, _percent(effect.lower, at_least=-100.0), _percent(effect.upper)))
    return Chart(
        title=f"cut of {LABELS[metric]}, %",
        x_label="paired scrapes after the warm-up",
        lines=[Line("estimate", "estimate", estimates)],
        bands=[Band(f"{100 * (1 - design.alpha):g} % interval", band)],
        limit=(100 * limit, f"wanted: at least {percent(limit)}"),
        is_clock=False,
        from_zero=False,
    )


def look_places(paired: int) -> list[int]:
    """Up to `MOST_LOOKS` prefix lengths from the first look on, the whole run among them."""
    if paired < FIRST_LOOK:
        return []
    steps = min(MOST_LOOKS - 1, paired - FIRST_LOOK)
    return sorted(
        {FIRST_LOOK + round(i * (paired - FIRST_LOOK) / steps) for i in range(steps + 1)}
        if steps
        else {paired}
    )


def _percent(value: float | None, at_least: float | None = None) -> float | None:
    if value is None:
        return None
    return 100 * value if at_least is None else max(at_least, 100 * value)


def _over_time(ticks: Sequence[Tick], design: Design, metric: Metric, title: str, factor: float) -> Chart:
    lines = [
        Line(variant.value, variant.value, _points(ticks, variant, metric, factor)) for variant in Variant
    ]
    hosts = len(design.hosts)
    warmup = [tick.at_seconds for tick in ticks if tick.number <= design.warmup]
    return Chart(
        title=title if hosts == 1 else f"{title}, {'sum' if metric in SUMMED else 'least'} of {hosts} hosts",
        x_label=f"time since the first scrape, {'h:' if ticks[-1].at_seconds >= 3600 else ''}min:s",
        lines=lines,
        limit=_limit(design, metric, factor),
        warmup_until=warmup[-1] if warmup else None,
        from_zero=metric is not Metric.CPU_COVERAGE,
    )


def _points(
    ticks: Sequence[Tick], variant: Variant, metric: Metric, factor: float
) -> list[tuple[float, float | None]]:
    values = ((tick.at_seconds, tick.values[variant].get(metric)) for tick in ticks)
    return thinned([(at, None if value is None else factor * value) for at, value in values])


def _limit(design: Design, metric: Metric, factor: float) -> tuple[float, str] | None:
    """A level's limit holds for each host: over several hosts it is no line on a chart of their total."""
    kinds = (Kind.MINIMUM, Kind.MAXIMUM)
    limits = [c for c in design.criteria if c.metric is metric and c.kind in kinds]
    if not limits or len(design.hosts) > 1:
        return None
    word = "at least" if limits[0].kind is Kind.MINIMUM else "at most"
    return factor * limits[0].limit, f"candidate: {word} {amount(metric, limits[0].limit)}"
