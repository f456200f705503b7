"""The environment of a collector, as a file that a POSIX shell and systemd read alike; it may hold secrets."""

import re
import unicodedata
from collections.abc import Mapping

from phoenix.domain.errors import SpecError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r'([\\"$`])')
_LINE = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SHORTEST_SECRET = 6
"""Characters of a value that is worth hiding; shorter ones, such as `true` or `http`, stand in every text."""


def environment_text(environ: Mapping[str, str]) -> str:
    """One `NAME="value"` each; sh(1) and systemd.exec(5) agree on what a backslash means between double quotes.

    Raises:
        SpecError: A value holds something on which they do not agree, such as a line end.
    """
    for name, value in environ.items():
        if not _NAME.fullmatch(name) or not all(map(_is_fit, value)):
            raise SpecError(
                f"the variable {name} cannot be given to a collector: it is not one line of text",
                code="invalid_variable",
                hint=f"put it into a file on the host and refer to that: ${{file:/path/to/{name.lower()}}}",
            )
    return "".join(f'{name}="{_SPECIAL.sub(_escape, value)}"\n' for name, value in environ.items())


def without_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """`text` with the names of secrets in the place of their values: programs quote what they were given.

    Args:
        text: What a program said.
        secrets: Variables.
    """
    for name, value in sorted(secrets.items(), key=lambda one: -len(one[1])):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, f"${{env:{name}}}")
    return text


def environment_in(text: str) -> dict[str, str]:
    """What `environment_text` wrote."""
    return {name: _ESCAPED.sub(r"\1", value) for name, value in _LINE.findall(text)}


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[1]}"


def _is_fit(character: str) -> bool:
    """Whether systemd takes it for text: it drops a variable that holds anything else, and sh(1) does not."""
    code = ord(character)
    is_control = unicodedata.category(character) == "Cc" and character != "\t"
    is_half = 0xD800 <= code <= 0xDFFF  # how Python shows a byte that is no UTF-8
    is_none = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return not (is_control or is_half or is_none)
