"""The environment of a collector, as a file that a POSIX shell and systemd read alike; it may hold secrets."""

import re
from collections.abc import Mapping

from phoenix.domain.errors import SpecError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r'([\\"$`])')
_LINE = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def environment_text(environ: Mapping[str, str]) -> str:
    """One `NAME="value"` each; sh(1) and systemd.exec(5) agree on what a backslash means between double quotes.

    Raises:
        SpecError: A value spans lines or holds a NUL byte, on which they do not agree.
    """
    for name, value in environ.items():
        if not _NAME.fullmatch(name) or any(character in value for character in "\n\r\0"):
            raise SpecError(
                f"the variable {name} cannot be given to a collector: its value spans lines",
                code="invalid_variable",
                hint=f"put it into a file on the host and refer to that: ${{file:/path/to/{name.lower()}}}",
            )
    return "".join(f'{name}="{_SPECIAL.sub(_escape, value)}"\n' for name, value in environ.items())


def environment_in(text: str) -> dict[str, str]:
    """What `environment_text` wrote."""
    return {name: _ESCAPED.sub(r"\1", value) for name, value in _LINE.findall(text)}


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[1]}"
