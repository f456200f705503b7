"""A `phoenix` command in this process: the same words and exit codes, without what a new process costs to start."""

import contextlib
import io
import sys
from pathlib import Path

from phoenix.cli import app
from tests.support.experiments import Result


def inline(*arguments: str | Path) -> Result:
    """Run a command to its end; not for commands that a signal or a terminal is to reach."""
    out, err = io.StringIO(), io.StringIO()
    heeded, app.interrupted_by_signals = app.interrupted_by_signals, lambda: None
    before, sys.argv = sys.argv, ["phoenix", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = app.run()
    finally:
        app.interrupted_by_signals, sys.argv = heeded, before
    return Result(int(code), out.getvalue(), err.getvalue())
