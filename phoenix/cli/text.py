"""Plain text for a terminal: paragraphs, sections, aligned columns, within the width there is."""

import shutil
import textwrap
from collections.abc import Sequence

WIDEST = 100
"""Longer lines are hard to read, and logs cut them."""

NARROWEST = 60


def text_width() -> int:
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def paragraph(text: str, first: str = "", following: str | None = None) -> str:
    """Wrap `text`; addresses and paths stay whole, so that they can be copied."""
    return textwrap.fill(
        text,
        text_width(),
        initial_indent=first,
        subsequent_indent=first if following is None else following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def section(title: str, *lines: str) -> str:
    """A title and its lines; nothing where there are none."""
    return "\n".join((title, *lines)) if lines else ""


def grid(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Columns as wide as their widest cell; the last one wraps under itself where the line would be too long."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines: list[str] = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        start = indent + "".join(f"{cell}  " for cell in cells)
        lines.append(_hung(start, row[-1]))
    return "\n".join(lines)


def _hung(start: str, text: str) -> str:
    room = text_width() - len(start)
    if len(text) <= room or room < 20:
        return (start + text).rstrip()
    return paragraph(text, start, " " * len(start))
