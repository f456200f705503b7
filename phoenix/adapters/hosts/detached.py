"""The detached supervisor: collectors that outlive whoever started them and end at a deadline without any of us.

    setsid --fork         leaves our session and our parentage: init reaps it, so no zombie of ours looks alive
      sh (leader)         notes its pid, waits, and notes how it all ended
        timeout -k        the deadline; only where there is one
          the collector   notes its pid, then becomes the binary

The two shell texts are constants; whatever varies comes as an argument.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.hosts import durable, places, process_table
from phoenix.adapters.hosts.places import ProcessIdentity
from phoenix.adapters.hosts.process_table import Row
from phoenix.domain.errors import DependencyError

KILL_AFTER_SECONDS = 5

# The leader must outlive a SIGTERM to its session, or nobody notes the exit; a trap, unlike ignoring, is not inherited.
_LEADER = 'umask 077; trap : TERM INT HUP; d=$1; shift; echo $$ >"$d/leader"; "$@"; echo $? >"$d/exit"'
_COLLECTOR = 'echo $$ >"$1/pid"; shift; exec "$@"'

_SPAWN_SECONDS = 10.0
_NOTE_SECONDS = 1.0
_PAUSE = 0.005
_SIGNALLED = 128
_DEADLINE = 124


def with_deadline(command: Sequence[str], lifetime: timedelta) -> list[str]:
    """`command`, ended by coreutils' `timeout` when `lifetime` is over."""
    seconds = f"{max(lifetime.total_seconds(), 0.001):.3f}"
    return [tool("timeout"), "-k", str(KILL_AFTER_SECONDS), seconds, *command]


def tool(name: str) -> str:
    """The path of a program of the base system.

    Raises:
        DependencyError: It is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise DependencyError(
            f"the program {name} is missing on this host",
            code="missing_program",
            hint="install util-linux (setsid) and coreutils (timeout)",
        )
    return path


class DetachedSupervisor:
    """Starts processes in a session of their own, with their notes and their log in a folder."""

    def spawn(
        self, command: Sequence[str], environ: Mapping[str, str], folder: Path, lifetime: timedelta | None
    ) -> ProcessIdentity:
        """Start `command` and return as soon as its pid is known; it may have died by then.

        Raises:
            DependencyError: It did not start.
        """
        shell = tool("sh")
        inner = [shell, "-c", _COLLECTOR, "sh", str(folder), *command]
        bounded = inner if lifetime is None else with_deadline(inner, lifetime)
        log = os.open(folder / places.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            subprocess.run(
                [tool("setsid"), "--fork", shell, "-c", _LEADER, "sh", str(folder), *bounded],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise DependencyError("the collector could not be started", code="spawn_failed") from error
        finally:
            os.close(log)
        return self._await_identity(folder)

    def _await_identity(self, folder: Path) -> ProcessIdentity:
        deadline = time.monotonic() + _SPAWN_SECONDS
        while time.monotonic() < deadline:
            # The exit is looked at first: noted before a pid appears, there will be none.
            has_ended = durable.read(folder / places.EXIT) is not None
            pid = _noted(folder / places.PID)
            if pid or has_ended:
                return _identify(_noted(folder / places.LEADER), pid)
            time.sleep(_PAUSE)
        raise DependencyError(
            f"the collector did not start within {_SPAWN_SECONDS:.0f} s",
            code="spawn_failed",
            hint="is the host overloaded or out of processes?",
        )

    def is_running(self, identity: ProcessIdentity | None) -> bool:
        """Whether the collector itself lives; its shells alone do not count."""
        if identity is None or identity.boot != process_table.boot_id():
            return False
        now = process_table.row(identity.pid)
        return now is not None and now.started == identity.started

    def in_session(self, one: Row, identity: ProcessIdentity | None) -> bool:
        """Whether `one` belongs to the session of `identity`, even when all between them are gone.

        The kernel gives no pid away that still names a session: so the session is ours unless its leader is a
        process with another start time.
        """
        if identity is None or one.session != identity.leader or identity.boot != process_table.boot_id():
            return False
        leader = process_table.row(identity.leader)
        return leader is None or leader.started == identity.leader_started

    def _exit_status(self, folder: Path, identity: ProcessIdentity | None) -> int | None:
        """What the leader noted; awaited for a moment while it lives, for the collector dies before that is written."""
        deadline = time.monotonic() + _NOTE_SECONDS
        while (status := _noted(folder / places.EXIT)) is None and time.monotonic() < deadline:
            leader = process_table.row(identity.leader) if identity else None
            if leader is None or identity is None or leader.started != identity.leader_started:
                return _noted(folder / places.EXIT)
            time.sleep(_PAUSE)
        return status

    def exit_words(self, folder: Path, identity: ProcessIdentity | None, lifetime: float | None) -> str:
        """Why it does not run, as far as its leader noted it."""
        if identity and identity.boot != process_table.boot_id():
            return "ended when the host was rebooted"
        status = self._exit_status(folder, identity)
        if identity is None and status is None:
            return "was never started completely"
        if status is None:
            return "was killed together with its supervisor"
        if status == _DEADLINE and lifetime is not None:
            return f"reached its deadline of {lifetime:g} s"
        if status > _SIGNALLED:
            return f"was killed by {_signal_name(status - _SIGNALLED)}"
        return f"exited with code {status}"


def _identify(leader: int | None, pid: int | None) -> ProcessIdentity:
    first = process_table.row(leader or 0)
    second = process_table.row(pid or 0)
    return ProcessIdentity(
        boot=process_table.boot_id(),
        leader=leader or 0,
        leader_started=first.started if first else 0,
        pid=pid or 0,
        started=second.started if second else 0,
    )


def _noted(path: Path) -> int | None:
    """The number that a shell noted; None until its line is complete."""
    text = durable.read(path)
    return int(text) if text and text.endswith("\n") and text.strip().isdigit() else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
