"""Run a long program to its end: in a session of its own, with a deadline, its last words kept for the error."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path

from phoenix.domain.errors import DependencyError

LAST_LINES = 20
"""Enough to hold a compiler's complaint, short enough for a terminal."""

REPORT_SECONDS = 10.0
"""How often a person who waits is told that it still runs."""


def run_watched(
    command: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    what: str,
    progress: Callable[[str], None] | None = None,
    deadline_seconds: float = 1800.0,
) -> None:
    """Run a program until it ends; on any way out, our own SIGKILL too, nothing of it is left running.

    Args:
        command: The argument vector.
        cwd: Where it runs.
        environ: Its whole environment.
        what: What it does, for the error and the progress: "compiling".
        progress: Told every ten seconds how long it has been running.
        deadline_seconds: When to give up.

    Raises:
        DependencyError: If it cannot start, fails, or is not done by the deadline.
    """
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise _failure(what, f"{command[0]} does not start: {error}", ()) from error
    lines: deque[str] = deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=_drain, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        with _killed_when_we_die(process):
            _wait(process, started + deadline_seconds, what, progress, lines)
    finally:
        _kill_session(process)
        reader.join(timeout=5)
    if process.returncode != 0:
        raise _failure(what, f"exit code {process.returncode}", lines)


@contextlib.contextmanager
def _killed_when_we_die(process: subprocess.Popen[str]) -> Generator[None]:
    """Let a shell that outlives us end the program's group: its standard input is a pipe that ends when we do.

    A parent-death signal would reach the program, not the compilers that it started.
    """
    guard = subprocess.Popen(
        ["/bin/sh", "-c", f"read -r _; kill -s KILL -- -{process.pid}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.kill()
        guard.communicate()


def _drain(stream: Iterable[str] | None, lines: deque[str]) -> None:
    for line in stream or ():
        if line.strip():
            lines.append(line.rstrip())


def _wait(
    process: subprocess.Popen[str],
    deadline: float,
    what: str,
    progress: Callable[[str], None] | None,
    lines: Iterable[str],
) -> None:
    started = time.monotonic()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _failure(what, f"not done after {time.monotonic() - started:.0f} s", lines)
        try:
            process.wait(timeout=min(REPORT_SECONDS, left))
        except subprocess.TimeoutExpired:
            if progress:
                progress(f"{what}: {time.monotonic() - started:.0f} s")
        else:
            return


def _kill_session(process: subprocess.Popen[str]) -> None:
    # The session outlives its leader when that has children: kill the group, then reap the leader.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _failure(what: str, reason: str, lines: Iterable[str]) -> DependencyError:
    last = list(lines)
    words = ": " + " | ".join(last[-3:]) if last else ""
    return DependencyError(
        f"{what[:1].upper()}{what[1:]} failed ({reason}){words}",
        code="command_failed",
        details={"last_lines": last},
    )
