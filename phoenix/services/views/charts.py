"""Line charts as SVG text: no script, no resource from outside, readable without colour.

Lines differ by their dashes; where data is missing the line has a gap, never a zero. Colours come from the page's style
sheet by class, so the same chart serves light, dark and paper.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from phoenix.services.views.scales import clock, clock_ticks, number, ticks

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 40
"""Margins, in user units; with this size a label is still readable where the page is 390 pixels wide."""

MOST_POINTS = 240
"""More than this many points on 376 units cannot be seen; beyond it neighbours are averaged."""

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the chart.

    Attributes:
        label: For the legend.
        style: Its class: `baseline` (dashed), `candidate` or `estimate` (solid).
        points: (x, y) in ascending x; y None is a gap.
    """

    label: str
    style: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Band:
    """An interval over x: (x, lower, upper); None bounds are a gap."""

    label: str
    points: Sequence[tuple[float, float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw.

    Attributes:
        title: With the unit of y.
        x_label: With the unit of x.
        lines: At least one.
        bands: Drawn below the lines.
        limit: A value of y that decides, and its label; None where there is none.
        warmup_until: x up to which nothing was measured; None where that is not on the chart.
        is_clock: x is time in s.
        from_zero: y starts at zero, so that heights may be compared.
    """

    title: str
    x_label: str
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    limit: tuple[float, str] | None = None
    warmup_until: float | None = None
    is_clock: bool = True
    from_zero: bool = True


def has_data(chart: Chart) -> bool:
    return any(y is not None for line in chart.lines for _, y in line.points)


def draw(chart: Chart, identity: str) -> str:
    """The chart as an `<svg>` element.

    Args:
        chart: With data (`has_data`).
        identity: Unique on the page, letters and digits.
    """
    ys = list(_values(chart))
    y_ticks = ticks(0.0 if chart.from_zero else min(ys), max(ys))
    xs = [x for line in chart.lines for x, _ in line.points]
    x_range = (min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1)
    x_ticks = (
        clock_ticks(*x_range)
        if chart.is_clock
        else [t for t in ticks(*x_range) if x_range[0] <= t <= x_range[1]]
    )
    place_x = _scale(*x_range, LEFT, WIDTH - RIGHT)
    place_y = _scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{identity}-title" class="chart">',
        f'<title id="{identity}-title">{escape(_description(chart))}</title>',
        f'<clipPath id="{identity}-plot">{_plot_area("")}</clipPath>',
        *_warmup(chart, place_x),
        *_y_axis(y_ticks, place_y),
        *_x_axis(x_ticks, place_x, chart),
        f'<g clip-path="url(#{identity}-plot)">',
        *(_band(band, place_x, place_y) for band in chart.bands),
        # The first line is dashed: drawn last, it leaves what it covers visible between its dashes.
        *(_line(line, place_x, place_y) for line in reversed(chart.lines)),
        "</g>",
        *_limit(chart, place_y),
        *_legend(chart),
        "</svg>",
    ]
    return "\n".join(parts)


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: the means of neighbours; neighbours without any value stay a gap."""
    size = -(-len(points) // most)
    if size <= 1:
        return list(points)
    groups = (points[i : i + size] for i in range(0, len(points), size))
    return [(group[0][0], _mean([y for _, y in group if y is not None])) for group in groups]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _values(chart: Chart) -> Iterator[float]:
    yield from (y for line in chart.lines for _, y in line.points if y is not None)
    yield from (y for band in chart.bands for _, *bounds in band.points for y in bounds if y is not None)
    if chart.limit:
        yield chart.limit[0]


def _description(chart: Chart) -> str:
    ends = [f"{line.label} ends at {values[-1]:.4g}" for line in chart.lines if (values := _seen(line))]
    return f"{chart.title}: {', '.join(ends)}"


def _seen(line: Line) -> list[float]:
    return [y for _, y in line.points if y is not None]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 1)


def _y_axis(values: Sequence[float], place: Callable[[float], float]) -> Iterator[str]:
    for value in values:
        y = place(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" class="grid"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{number(value, values)}</text>'


def _x_axis(values: Sequence[float], place: Callable[[float], float], chart: Chart) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}" class="axis"/>'
    for value in values:
        x, label = place(value), clock(value) if chart.is_clock else number(value, values)
        yield f'<line x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}" class="axis"/>'
        yield f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{label}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(chart.x_label)}</text>'


def _plot_area(style: str, width: float = WIDTH - LEFT - RIGHT) -> str:
    height = HEIGHT - TOP - BOTTOM
    return f'<rect x="{LEFT}" y="{TOP}" width="{width:g}" height="{height}" class="{style}"/>'


def _warmup(chart: Chart, place: Callable[[float], float]) -> Iterator[str]:
    if chart.warmup_until is not None:
        yield _plot_area("warmup", max(0.0, place(chart.warmup_until) - LEFT))


def _line(line: Line, place_x: Callable[[float], float], place_y: Callable[[float], float]) -> str:
    steps: list[str] = []
    for is_seen, group in groupby(line.points, key=lambda point: point[1] is not None):
        if is_seen:
            places = [f"{place_x(x)},{place_y(y)}" for x, y in group if y is not None]
            # A lone point has no length: a line to itself with round caps shows it as a dot.
            steps.append("M" + "L".join(places if len(places) > 1 else places * 2))
    return f'<path d="{"".join(steps)}" class="line {line.style}"/>'


def _band(band: Band, place_x: Callable[[float], float], place_y: Callable[[float], float]) -> str:
    steps: list[str] = []
    for is_seen, group in groupby(band.points, key=lambda p: p[1] is not None and p[2] is not None):
        if is_seen:
            points = list(group)
            lower = [f"{place_x(x)},{place_y(low)}" for x, low, _ in points if low is not None]
            upper = [f"{place_x(x)},{place_y(high)}" for x, _, high in points if high is not None]
            steps.append("M" + "L".join([*lower, *reversed(upper)]) + "Z")
    return f'<path d="{"".join(steps)}" class="band"/>'


def _limit(chart: Chart, place: Callable[[float], float]) -> Iterator[str]:
    if chart.limit:
        value, label = chart.limit
        y = place(value)
        above = y - 5 if y > TOP + 18 else y + 14
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" class="limit"/>'
        yield f'<text x="{WIDTH - RIGHT - 2}" y="{above}" text-anchor="end" class="limit-label">{escape(label)}</text>'


def _legend(chart: Chart) -> Iterator[str]:
    x = float(LEFT)
    entries = [(f"line {line.style}", line.label) for line in chart.lines]
    for style, label in [*entries, *(("band", band.label) for band in chart.bands)]:
        if style == "band":
            yield f'<rect x="{x:g}" y="9" width="24" height="10" class="band"/>'
        else:
            yield f'<path d="M{x:g},14h24" class="{style}"/>'
        yield f'<text x="{x + 30:g}" y="18">{escape(label)}</text>'
        x += 30 + 6.6 * len(label) + 16
    if chart.warmup_until is not None:
        yield f'<rect x="{x:g}" y="9" width="24" height="10" class="warmup"/>'
        yield f'<text x="{x + 30:g}" y="18">warm-up</text>'
