"""Starts flows as child processes that own what they need and end with their starter."""

import os
import subprocess
import sys
from pathlib import Path

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import FlowProcess

STARTER_PIPE = "PHOENIX_STARTER_PIPE"
"""Set in a child's environment: its standard input is a pipe that ends when its starter does."""

_REQUEST_TIMEOUT_SECONDS = "5"
"""A server that hangs or is gone must not hold a run up: by default one call is tried for a minute."""

LAST_LINES = 5
"""The end of a traceback says what happened; the rest is in the log."""


class ChildFlowRunner:
    """Runs a flow as `python -m flows.NAME ID [REASON]` in a session of its own.

    A bound child holds the other end of a pipe: when its starter dies, however it dies, the child reads the end of the
    pipe, stops the experiment and cleans up. Its output goes to a log, never to a pipe that could fill.

    Args:
        home: The installation's state folder; the child's Prefect keeps its own home in it.
        archive: Keeps the child's log with the experiment's other results.
        server: URL of the Prefect server that shows it; None = what the environment names, else one of its own.
        why: Why it is a child, in words for a person.
        is_bound: Whether it ends with its starter, as that of a command does; that of a server goes on.
    """

    def __init__(
        self,
        home: Path,
        archive: Archive,
        server: str | None = None,
        why: str = "",
        *,
        is_bound: bool = True,
    ) -> None:
        self._home = home
        self._archive = archive
        self._server = server
        self._why = why
        self._is_bound = is_bound

    def start(self, flow: str, experiment: str, reason: str = "") -> FlowProcess:
        log = self._archive.folder(experiment) / f"logs/{flow}.log"
        with self._archive.append(experiment, f"logs/{flow}.log") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", f"flows.{flow}", experiment, *([reason] if reason else [])],
                stdin=subprocess.PIPE if self._is_bound else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **flow_environment(self._home, self._server),
                    **({STARTER_PIPE: "1"} if self._is_bound else {}),
                },
                start_new_session=True,
            )
        return ChildFlow(process, log, self._why)

    def withdraw(self, experiment: str) -> None:
        """A child begins at once."""


def flow_environment(home: Path, server: str | None = None) -> dict[str, str]:
    """The environment of a flow: Prefect with a home of its own, unless the user named a server.

    Args:
        home: The installation's state folder.
        server: URL of the server to use; None = the one that the user named, else none.
    """
    environment = dict(os.environ)
    if server:
        environment["PREFECT_API_URL"] = server
    environment.update(
        PHOENIX_HOME=str(home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_LOGGING_EXTRA_LOGGERS="phoenix",
        PREFECT_LOGGING_COLORS="false",
        PREFECT_API_REQUEST_TIMEOUT=_REQUEST_TIMEOUT_SECONDS,
    )
    if "PREFECT_API_URL" not in environment:
        environment["PREFECT_HOME"] = str(home / "prefect")
    return environment


class ChildFlow:
    """A flow in a child process."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, why: str = "") -> None:
        self._process = process
        self._log = log
        self._why = why

    def place(self) -> str:
        return f"in a process of its own{f' ({self._why})' if self._why else ''}"

    def poll(self) -> int | None:
        return self._process.poll()

    def interrupt(self) -> None:
        self._process.terminate()

    def last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines[-LAST_LINES:] if line.strip())
