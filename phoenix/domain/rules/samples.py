"""Names to try a filter with: what the critical patterns match, as far as it can be written down."""

import re
from collections.abc import Iterable, Sequence

from phoenix.domain.rules.ottl import matches
from phoenix.domain.rules.vocabulary import WELL_KNOWN_CRITICAL

_PIECE = re.compile(r"[A-Za-z0-9_.+@-]+")
_LETTER = re.compile(r"[A-Za-z]")
_MOST_NAMES = 200


def critical_names(patterns: Sequence[str], written: Sequence[str]) -> tuple[str, ...]:
    """Process names that are critical.

    Args:
        patterns: The critical patterns. Where there are none, nobody said what is critical, and only well-known
            services count that the filter itself names: dropping nginx by name deserves a word, keeping nothing but
            one's own service does not.
        written: Patterns and texts of the filter.

    Returns:
        Names found among the patterns' own words, well-known names and `written`.
    """
    if not patterns:
        return tuple(name for name in WELL_KNOWN_CRITICAL if _is_named(name, written))
    candidates = dict.fromkeys([*_words(patterns), *WELL_KNOWN_CRITICAL, *_words(written)])
    found = (name for name in candidates if any(matches(pattern, name) is True for pattern in patterns))
    return tuple(found)[:_MOST_NAMES]


def _is_named(name: str, written: Iterable[str]) -> bool:
    return any(_LETTER.search(text) and matches(text.replace("$$", "$"), name) is True for text in written)


def _words(patterns: Iterable[str]) -> list[str]:
    """The plain words of patterns: nginx and node.js of `^(nginx|node[.]js)$`, more or less."""
    return [
        word for pattern in patterns for word in _PIECE.findall(pattern.replace("\\", "").replace("[.]", "."))
    ]
