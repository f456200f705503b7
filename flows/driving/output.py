"""A run goes on when nobody reads its output any more."""

import os
import sys

from rich.console import Console


def survive_broken_output() -> None:
    """Let a broken pipe end nothing, from now on, to the end of the process.

    A worker reads its flows' output through a pipe. When it was killed, the next line that Prefect logs by rich ends
    the process with status 1 (`Console.on_broken_pipe`, which is made to be changed): the run would fail in the middle
    of its clean-up, and say nothing but "1".
    """
    setattr(Console, Console.on_broken_pipe.__name__, _be_quiet)


def discard_output() -> None:
    """Write to nowhere: whoever read it is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):  # it has no file of its own
            continue
    os.close(nowhere)


def _be_quiet(console: Console) -> None:
    console.quiet = True
