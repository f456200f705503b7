"""References: what a configuration says in place of a secret."""

import re
from collections.abc import Mapping
from typing import cast

FIX = "write ${env:NAME} and set it in the environment, or ${file:/path} and put it into that file"
"""What to do about any secret that is written out."""

_REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?:(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?|file:[^}]+)\}")
"""After an even number of `$`: the collector reads `$$` as a `$` that means nothing."""


_FILE = re.compile(r"(?<!\$)((?:\$\$)*)\$\{file:(?:\$\{[^}]*\}|[^}])+\}")


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
    """The same tree with a word in place of every `${file:...}`: the files are on the host, and not where it is checked."""
    if isinstance(tree, Mapping):
        return {key: without_files(value) for key, value in cast("Mapping[str, object]", tree).items()}
    if isinstance(tree, list):
        return [without_files(item) for item in cast("list[object]", tree)]
    return _FILE.sub(r"\1file", tree) if isinstance(tree, str) else tree
