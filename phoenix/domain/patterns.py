"""Patterns that mean the same to the collector (RE2) and to Phoenix (Python `re`).

A critical pattern is matched twice: by the collector, which keeps the process, and by Phoenix, which judges whether it
was kept. Where the two dialects differ, a pattern would be judged by another rule than the one that ran, so only their
common subset is accepted.
"""

import math
import re
import warnings
from collections.abc import Sequence

MAX_PATTERN_LENGTH = 4096
"""Enough for some hundred names; beyond it a pattern is generated text that belongs elsewhere."""

MAX_REPEAT = 1000
"""RE2 refuses a counted repetition above this."""

# Tried in this order at each position outside a character class.
_REFUSED = (
    (re.compile(r"\(\?<?[=!]"), "lookaround, which RE2 does not have"),
    (re.compile(r"\(\?P=|\\[1-9]|\\g"), "a backreference, which RE2 does not have"),
    (re.compile(r"\(\?\("), "a conditional group, which RE2 does not have"),
    (re.compile(r"\(\?>"), "an atomic group, which RE2 does not have"),
    (re.compile(r"\(\?#"), "a comment group, which RE2 does not have"),
    (re.compile(r"\(\?[a-zA-Z-]*[auxLU-]"), "a flag that RE2 does not have or reads otherwise"),
    (re.compile(r"\(\?P<(?![A-Za-z0-9_]+>)"), "a group name that RE2 does not accept"),
    (re.compile(r"\\[ZzNuU0]|\\[^\x00-\x7f]"), "an escape that the two dialects do not share"),
    (re.compile(r"[*+?}]\+"), "a possessive repetition, which RE2 does not have"),
    (re.compile(r"\{,"), "a repetition without a lower bound, which RE2 reads as plain text; write {0,n}"),
)
_REPEAT = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
_CLASS_ESCAPE = re.compile(r"\\[ZzNuU0-9bBA]|\\[^\x00-\x7f]")
_LEADING_FLAGS = re.compile(r"\(\?([ims]+)\)")


def check_pattern(text: str) -> str | None:
    """Say why a pattern is not in the common subset of RE2 and Python; None if it is."""
    if not text:
        return "is empty and would match everything"
    if len(text) > MAX_PATTERN_LENGTH:
        return f"is longer than {MAX_PATTERN_LENGTH} characters"
    if any(ord(c) < 0x20 for c in text):
        return "contains a control character"
    return _refused_syntax(text) or _repeat_fault(text) or _compile_fault(text)


def _compile_fault(text: str) -> str | None:
    try:
        with warnings.catch_warnings():
            # A FutureWarning says "possible nested set": the dialects may read such a class differently.
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as fault:
        return f"is no regular expression: {fault}"
    except Warning as fault:
        return f"is ambiguous: {fault}"
    return None


def _refused_syntax(text: str) -> str | None:
    at = 0
    while at < len(text):
        if text[at] == "[":
            end = _class_end(text, at)
            if reason := _class_fault(text[at + 1 : end]):
                return f"uses {reason}"
            at = end + 1
            continue
        if reason := _fault_at(text, at):
            return f"uses {reason}"
        at += 2 if text[at] == "\\" else 1
    return None


def _fault_at(text: str, at: int) -> str | None:
    for refused, reason in _REFUSED:
        if refused.match(text, at):
            return reason
    return None


def _repeat_fault(text: str) -> str | None:
    """RE2 multiplies nested counts; with a repeated group in sight, so do we, rather than find out on the host."""
    counts = [max(int(n) for n in m.groups() if n) for m in _REPEAT.finditer(text)]
    total = math.prod(counts) if "){" in text else max(counts, default=0)
    return f"repeats more than {MAX_REPEAT} times, which RE2 refuses" if total > MAX_REPEAT else None


def _class_end(text: str, start: int) -> int:
    """Index of the bracket that closes the class opened at `start` (or the end; compiling then says so)."""
    at = start + 1
    if text[at : at + 1] == "^":
        at += 1
    at += 1  # a bracket in the first place is a literal in both dialects
    while at < len(text) and text[at] != "]":
        at += 2 if text[at] == "\\" else 1
    return at


def _class_fault(body: str) -> str | None:
    if "[:" in body:
        return "a POSIX class, which Python does not have"
    if _CLASS_ESCAPE.search(body.replace("\\\\", "")):
        return "an escape in a class that the dialects read differently"
    return None


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile a checked pattern so that it matches what RE2 would: word and digit classes are ASCII there."""
    return re.compile(text, re.ASCII)


def join_patterns(patterns: Sequence[str]) -> str:
    """One pattern that matches where any of `patterns` does, each kept apart: `(?:a)|(?:b)`."""
    if len(patterns) == 1:
        return patterns[0]
    return "|".join(_grouped(pattern) for pattern in patterns)


def _grouped(pattern: str) -> str:
    """Leading flags move into the group: Python accepts `(?i)` only at the start of the whole."""
    if flags := _LEADING_FLAGS.match(pattern):
        return f"(?{flags[1]}:{pattern[flags.end() :]})"
    return f"(?:{pattern})"
