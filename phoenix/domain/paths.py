"""Where in a document a fault is: `processors.filter/noise.metrics.resource[0]`."""

from collections.abc import Iterable


def join_path(*parts: str | int) -> str:
    """Join keys with dots and indices in brackets; empty keys vanish, so that a prefix may be empty."""
    return _join(parts)


def _join(parts: Iterable[str | int]) -> str:
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part:
            text += f".{part}" if text else part
    return text
