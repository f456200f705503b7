"""The Prometheus text format 0.0.4, read fast and strictly.

The same series come at every scrape, so what stands before a value is parsed once and then looked up by its bytes.
Whatever is no sample, comment or blank line is an error with its line number: half a body must not look like a
pipeline that exports less.

References:
    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections import Counter
from collections.abc import Sequence

from phoenix.domain.errors import DependencyError
from phoenix.domain.observation.exports import ExportSnapshot, Point, SeriesKey

_NAME = re.compile(r"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\"n])*)"[ \t]*(,[ \t]*|$)')
_ESCAPE = re.compile(r"\\(.)")
_UNESCAPED = {"\\": "\\", '"': '"', "n": "\n"}

_SPARE = 2
"""The cache holds this many times the series of the last body: a process that comes back is still known, and churn
cannot fill the memory."""

_HASH = ord("#")
_SHOWN = 120
"""Characters of a bad line in an error."""


class ExpositionParser:
    """Reads the bodies of one exporter. Not safe for use by two threads at once."""

    def __init__(self) -> None:
        self._labelled: dict[bytes, SeriesKey] = {}
        self._bare: dict[bytes, SeriesKey] = {}

    def parse(self, body: bytes) -> ExportSnapshot:
        """Read one body; an empty one is an exporter that has nothing.

        Raises:
            DependencyError: It ends within a line, holds something else, or shows a series twice (then two sources
                were merged into one, and every count would be wrong).
        """
        lines = body.split(b"\n")
        if lines[-1].strip() not in (b"", b"# EOF"):
            raise _fault(len(lines), lines[-1], "the body ends within a line")
        points = self._points(lines)
        if len({key.text for key, _, _ in points}) != len(points):
            raise _fault_of_twins(points)
        if len(self._labelled) + len(self._bare) > _SPARE * len(points):
            self._forget(points)
        return ExportSnapshot(points)

    def _points(self, lines: Sequence[bytes]) -> list[Point]:
        known = self._labelled.get
        points: list[Point] = []
        for number, line in enumerate(lines, 1):
            if not line or line[0] == _HASH:
                continue
            # A value or a time stamp holds no brace, so the last one ends the labels.
            series, brace, rest = line.rpartition(b"}")
            try:
                if not brace:
                    points += self._bare_points(line)
                    continue
                # The key comes first: a comment in whose text a brace stands is told by it.
                key = known(series) or self._learn(series)
                if key is not None:
                    points.append((key, *_numbers(rest)))
            except ValueError as error:
                raise _fault(number, line, str(error)) from error
        return points

    def _bare_points(self, line: bytes) -> list[Point]:
        """The point of a series without labels; none for a blank line or an indented comment."""
        name, *rest = line.split(None, 1) or (b"#",)
        if name.startswith(b"#"):
            return []
        key = self._bare.get(name)
        if key is None:
            match = _NAME.fullmatch(name.decode())
            if match is None:
                raise ValueError("no metric name")
            key = self._bare[name] = SeriesKey.of(match[1], {})
        return [(key, *_numbers(b"".join(rest)))]

    def _learn(self, series: bytes) -> SeriesKey | None:
        """Parse what stands before the closing brace; None for an indented comment."""
        text = series.decode()
        if text.lstrip().startswith("#"):
            return None
        head, brace, labels = text.partition("{")
        match = _NAME.fullmatch(head)
        if match is None or not brace:
            raise ValueError("no metric name")
        key = self._labelled[series] = SeriesKey.of(match[1], _parse_labels(labels))
        return key

    def _forget(self, points: Sequence[Point]) -> None:
        """Keep what the last body showed, so that dead processes do not fill the memory."""
        shown = {id(key) for key, _, _ in points}
        self._labelled = {raw: key for raw, key in self._labelled.items() if id(key) in shown}
        self._bare = {raw: key for raw, key in self._bare.items() if id(key) in shown}


def _numbers(text: bytes) -> tuple[float, int | None]:
    """The value and the time stamp, if there is one."""
    # Python reads 1_000 as a number, the format does not.
    if b"_" in text:
        raise ValueError("no number")
    fields = text.split()
    if len(fields) == 2:
        return float(fields[0]), int(fields[1])
    if len(fields) == 1:
        return float(fields[0]), None
    raise ValueError("not one value and at most one time stamp")


def _parse_labels(text: str) -> dict[str, str]:
    """The labels between the braces.

    Raises:
        ValueError: They are not `name="value"`, separated by commas, or one stands twice.
    """
    labels: dict[str, str] = {}
    at, follows = len(text) - len(text.lstrip(" \t")), ","
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None or not follows or match[1] in labels:
            raise ValueError("labels that are not well formed, or one label twice")
        value = match[2]
        labels[match[1]] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        at, follows = match.end(), match[3]
    return labels


def _unescape(match: re.Match[str]) -> str:
    return _UNESCAPED[match[1]]


def _fault(number: int, line: bytes, reason: str) -> DependencyError:
    shown = line[:_SHOWN].decode(errors="replace")
    return DependencyError(
        f"Line {number} of the exposition is no sample: {reason}.",
        code="bad_exposition",
        details={"line": number, "text": shown},
    )


def _fault_of_twins(points: Sequence[Point]) -> DependencyError:
    (text, _), *_ = Counter(key.text for key, _, _ in points).most_common(1)
    key = next(key for key, _, _ in points if key.text == text)
    return DependencyError(
        f"The exposition shows a series of {key.name} twice.",
        code="bad_exposition",
        hint="processes collapse into one series where their identity is removed before the exporter",
        details={"series": key.text},
    )
