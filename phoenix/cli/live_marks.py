"""Small drawings in text: the course of a figure, an interval against its limit, how far a run is."""

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
GAP = " "
"""A missing value in a course: nothing is drawn, least of all a zero."""


def course(values: Sequence[float | None], width: int, top: float | None = None) -> str:
    """The last `width` values as bars; all from zero, so that two courses with one `top` may be compared."""
    shown = list(values)[-width:]
    seen = [v for v in shown if v is not None]
    highest = max([*seen, top or 0.0], default=0.0)
    if highest <= 0:
        return "".join(GAP if v is None else _LEVELS[0] for v in shown)
    last = len(_LEVELS) - 1
    return "".join(GAP if v is None else _LEVELS[min(last, max(0, round(last * v / highest)))] for v in shown)


def interval_bar(
    low: float,
    high: float,
    bounds: tuple[float, float] | None,
    estimate: float | None,
    limit: float,
    width: int,
) -> str:
    """An interval on a scale, e.g. `├────────┃──────[══●══]──┤`.

    Args:
        low: Left end of the scale.
        high: Right end of the scale.
        bounds: The interval; None while there is none.
        estimate: Drawn as ●; None while there is none.
        limit: Drawn as ┃.
        width: In characters, ends included.
    """

    def place(value: float) -> int:
        return 1 + round((min(high, max(low, value)) - low) / (high - low) * (width - 3))

    cells = ["├", *"─" * (width - 2), "┤"]
    cells[place(limit)] = "┃"
    if bounds is not None:
        lower, upper = place(bounds[0]), place(bounds[1])
        if estimate is not None:
            # An interval narrower than a character still has two ends beside its estimate.
            lower, upper = min(lower, place(estimate) - 1), max(upper, place(estimate) + 1)
        # The limit is not drawn over: it shows through the interval that contains it.
        for i in range(max(0, lower), min(width - 1, upper) + 1):
            cells[i] = "╋" if cells[i] == "┃" else "═"
        _put(cells, max(0, lower), "[")
        _put(cells, min(width - 1, upper), "]")
    if estimate is not None:
        cells[place(estimate)] = "●"
    return "".join(cells)


def _put(cells: list[str], place: int, mark: str) -> None:
    if cells[place] != "╋":
        cells[place] = mark


def scale_labels(low: str, limit: str, high: str, place: int, width: int) -> str:
    """The line below a bar: the ends, and the limit under its mark where it fits."""
    line = [" "] * width
    start = min(max(len(low) + 1, place - len(limit) // 2), width - len(high) - len(limit) - 1)
    for at, text in ((0, low), (width - len(high), high), (start, limit)):
        line[at : at + len(text)] = text
    return "".join(line)


def progress_bar(done: float, width: int) -> str:
    """How much of the way is done; `done` is a share."""
    filled = round(max(0.0, min(1.0, done)) * width)
    return "█" * filled + "░" * (width - filled)
