"""The command line that a host's shell gets: the one place where an argument vector becomes text.

SSH carries a command as one string, which the log-in shell of the user reads. Every word is quoted for a POSIX shell;
`PROBE` proves on each new connection that it reads such quotes.
"""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta

from phoenix.domain.errors import SpecError

LONGEST = 120_000
"""Bytes of a command line: Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN), and the shell gets one."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GRACE_SECONDS = 1

PROBE = ("printf", "%s", "\\'\"$(:)`:`\n!*~")
"""Prints its last word, which every other way of reading quotes would change."""

_REPORTING = 'echo "phoenix-pid $$" >&2 && exec "$@"'
PID_MARK = b"phoenix-pid "
"""Begins the line of standard error by which a program that was started with `reporting` says its process id."""

_KILLING = 'kill -s KILL -- "-$1" 2>/dev/null || kill -s KILL "$1"'


def command_line(
    argv: Sequence[str],
    *,
    sudo: bool = False,
    env: Mapping[str, str] | None = None,
    lifetime: timedelta | None = None,
) -> str:
    """`argv` as a command line.

    Args:
        argv: Program and arguments; they arrive as they are, whatever is in them.
        sudo: Run it as root.
        env: Its whole environment; what the log-in gives if None. Anybody on the host can read it in the process
            table: secrets go by standard input.
        lifetime: After it, rounded up and a second more, the host kills the program, also without us.

    Raises:
        SpecError: It cannot be carried: a NUL, no program, too long (code `invalid_argument`).
    """
    words = list(argv)
    if not words or not words[0] or words[0].startswith("-") or "=" in words[0]:
        raise SpecError(f"{words[:1]!a} is no program", code="invalid_argument", hint="give its name or path")
    if env is not None:
        words = ["/usr/bin/env", "-i", *_assignments(env), *words]
    if lifetime is not None:
        seconds = math.ceil(lifetime.total_seconds()) + _GRACE_SECONDS
        words = ["timeout", "-s", "KILL", str(seconds), *words]
    if sudo:
        words = ["sudo", "-n", "--", *words]
    return _joined(words)


def reporting(argv: Sequence[str]) -> list[str]:
    """`argv`, saying its process id on standard error first (see `PID_MARK`)."""
    return ["/bin/sh", "-c", _REPORTING, "sh", *argv]


def killing(pid: int) -> list[str]:
    """What kills a process of the host and its group."""
    return ["/bin/sh", "-c", _KILLING, "sh", str(pid)]


def _assignments(env: Mapping[str, str]) -> list[str]:
    for name in env:
        if not _VARIABLE.fullmatch(name):
            raise SpecError(
                f"{name!a} cannot be a variable of an environment",
                code="invalid_argument",
                hint="letters, digits and underscores, no digit first",
            )
    return [f"{name}={value}" for name, value in env.items()]


def _joined(words: Sequence[str]) -> str:
    if any("\0" in word for word in words):
        raise SpecError(
            "an argument holds a NUL", code="invalid_argument", hint="no program can be given one"
        )
    line = shlex.join(words)
    try:
        size = len(line.encode())
    except UnicodeEncodeError as error:
        raise SpecError(
            "an argument is no Unicode text", code="invalid_argument", hint="give such data by standard input"
        ) from error
    if size > LONGEST:
        raise SpecError(
            f"the arguments are {size:,} bytes long, {LONGEST:,} at most",
            code="invalid_argument",
            hint="give long data by standard input",
        )
    return line
