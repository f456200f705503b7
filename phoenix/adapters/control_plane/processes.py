"""The processes of a control plane's parts, their logs, and the flow runs that its workers started."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from phoenix.adapters.bound_processes import start_bound
from phoenix.adapters.drivers import process as living_process
from phoenix.adapters.machines import durable

MARK = "PHOENIX_CONTROL_PLANE"
"""In the environment of all that a control plane starts: whose it is."""

LOG_BYTES = 10 * 1024 * 1024
"""A worker's log takes what its flows say: a day of them is a few megabytes."""

_MODULES, _RUNTIME = (b"prefect.engine", b"prefect.runner."), b"/prefect/runner/"
"""In the command line of a flow run's process, and of the one that prepares it."""

_LAST_LINES = 5
_TAIL_BYTES = 8192


class PartProcess:
    """One process of a part, in a session of its own; it dies with us.

    Args:
        command: Program and arguments.
        environment: All of it.
        log: Takes what it says.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with open(log, "ab", opener=_open_private) as output:
            self._begin = output.tell()
            self._process = start_bound(command, environment, output)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def listens(self, port: int) -> bool:
        """Whether it is this process that listens on a TCP port."""
        try:
            sockets = psutil.Process(self.pid).net_connections("tcp")
        except psutil.Error:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it is gone."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within that time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it without asking. What a worker started is left: it sees that, and cleans up."""
        self._process.kill()
        self._process.wait()

    def last_words(self) -> str:
        """The end of what it said, since it started."""
        try:
            size = self._log.stat().st_size
        except OSError:
            return ""
        said = durable.read_tail(self._log, max(0, min(_TAIL_BYTES, size - self._begin)))
        return "\n".join([line.rstrip() for line in said.splitlines() if line.strip()][-_LAST_LINES:])


def keep_small(log: Path) -> None:
    """Put what a full log holds aside, while its writer goes on writing to it.

    Its writer appends, so it goes on at the beginning; what it says between the copy and the cut is lost.
    """
    with suppress(OSError):  # on a full disk it stays as it is: no reason to let go of everything
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, aside(log))
            aside(log).chmod(0o600)
            os.truncate(log, 0)


def begin_anew(log: Path) -> None:
    """Put a log of last time aside."""
    with suppress(FileNotFoundError):
        log.replace(aside(log))


def aside(log: Path) -> Path:
    """Where a log of last time is."""
    return log.with_name(log.name + ".1")


def flow_runs(mark: str) -> dict[int, str]:
    """The flows that a control plane's workers or its API started and that still run: pid, and a name for the run."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (run := _flow_run_of(folder, mark)):
            found[int(folder.name)] = run
    return found


def end_flow_runs(
    mark: str, has_patience: Callable[[float], bool], say_waiting: Callable[[int], None]
) -> bool:
    """Ask all flow runs to end, and wait until they cleaned up after themselves.

    Args:
        mark: Whose they are.
        has_patience: Whether to wait on, after so many seconds.
        say_waiting: Told how many are left, when that changes.

    Returns:
        Whether all are gone.
    """
    asked: set[int] = set()
    told = 0
    begin = time.monotonic()
    while running := flow_runs(mark):
        for pid in running.keys() - asked:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
            asked.add(pid)
        if len(running) != told:
            told = len(running)
            say_waiting(told)
        if not has_patience(time.monotonic() - begin):
            return False
        time.sleep(0.1)
    return True


def _flow_run_of(folder: Path, mark: str) -> str:
    """The id of the flow run, or of the experiment, whose own process this is; "" for any other.

    A collector that a flow left on this host on purpose has the same environment: it is no program of Prefect's.
    """
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        experiment = _child_for(words)
        if not experiment and not any(word.startswith(_MODULES) or _RUNTIME in word for word in words):
            return ""
        variables = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    if f"{MARK}={mark}".encode() not in variables or living_process(int(folder.name)) is None:
        return ""
    ids = [line.partition(b"=")[2] for line in variables if line.startswith(b"PREFECT__FLOW_RUN_ID=")]
    return ids[0].decode() if ids else experiment


def _child_for(words: Sequence[bytes]) -> str:
    """The experiment whose flow runs as a child of the API: `python -m flows.NAME ID`; "" for another command."""
    is_child = len(words) > 3 and words[1] == b"-m" and words[2].startswith(b"flows.")
    return words[3].decode(errors="replace") if is_child else ""


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
