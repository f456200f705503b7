"""References: what a configuration says in place of a secret."""

import re
from collections.abc import Mapping
from typing import cast

FIX = "write ${env:NAME} and set it in the environment, or ${file:/path} and put it into that file"
"""What to do about any secret that is written out."""

_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?:(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?|file:[^}]+)\}")
"""After an even number of `$`: the collector reads `$$` as a `$` that means nothing."""


_TOKEN = re.compile(r"(?P<opens>\$+)\{|\}")

_VARIABLE = r"(?:env:)?[A-Za-z_][A-Za-z0-9_]*"
_DEFAULT = r"[^${}\\]"
# A value that is written out is read as YAML, where a backslash could spell a `$` of a further reference.
_PLAIN = re.compile(
    rf"{_VARIABLE}(?::-(?:{_DEFAULT}|\$\{{{_VARIABLE}(?::-{_DEFAULT}*)?\}})*)?|yaml:{_DEFAULT}*", re.DOTALL
)

_LONGEST_PLAIN = 1000


def is_reference(text: str) -> bool:
    """Whether a value comes from the environment or a file, also behind a word such as `Bearer`.

    A default that is written out stands in the configuration like any other text, so such a reference is none.
    """
    defaults = [found[2] or "" for found in _REFERENCE.finditer(text)]
    return bool(defaults) and all(default in ("", ":-") or "${" in default for default in defaults)


def variables(text: str) -> tuple[tuple[str, bool], ...]:
    """The environment variables that a text takes its content from, each with whether it has a default."""
    return tuple((found[1], found[2] is not None) for found in _REFERENCE.finditer(text) if found[1])


def without_files(tree: object) -> object:
    """The same tree with a word in place of whatever would be read from a file, so that it can be checked anywhere.

    The files are on the host, and not where a configuration is checked; and whoever sends one to a server must not see
    that server's files in a complaint about it. So only what plainly is a variable stays: `${${env:X:-file}:/path}`
    becomes a file's content too.
    """
    if isinstance(tree, Mapping):
        return {key: without_files(value) for key, value in cast("Mapping[str, object]", tree).items()}
    if isinstance(tree, list):
        return [without_files(item) for item in cast("list[object]", tree)]
    return _text_without_files(tree) if isinstance(tree, str) else tree


def _text_without_files(text: str) -> str:
    """Reads it once, from the innermost reference outwards, as the collector does."""
    levels: list[list[str]] = [[]]
    place = 0
    for token in _TOKEN.finditer(text):
        levels[-1].append(text[place : token.start()])
        place = token.end()
        dollars = token["opens"]
        if dollars is None:
            closed = _neutral("".join(levels.pop())) if len(levels) > 1 else "}"
            levels[-1].append(closed)
        elif len(dollars) % 2:
            levels[-1].append(dollars[1:])
            levels.append([])
        else:
            levels[-1].append(token[0])
    levels[-1].append(text[place:])
    return "${".join("".join(level) for level in levels)


def _neutral(inside: str) -> str:
    is_plain = len(inside) <= _LONGEST_PLAIN and _PLAIN.fullmatch(inside)
    return f"${{{inside}}}" if is_plain else "file"
