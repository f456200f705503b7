"""The detached supervisor: collectors that outlive whoever started them and end at a deadline without any of us.

    setsid --fork         leaves our session and our parentage: init reaps it, so no zombie of ours looks alive
      sh (leader)         notes its pid, waits, and notes how it all ended
        timeout -k        the deadline; only where there is one
          the collector   notes its pid, then becomes the binary

The shell texts are constants; whatever varies comes as an argument or from the place's environment file.
"""

import signal
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from phoenix.adapters.hosts import places
from phoenix.adapters.hosts.places import PlaceRecord, Places, ProcessIdentity
from phoenix.adapters.hosts.supervisor import Program
from phoenix.adapters.machines.machine import Machine, Row, is_alive
from phoenix.domain.errors import DependencyError

KILL_AFTER_SECONDS = 5

# The leader must outlive a SIGTERM to its session, or nobody notes the exit; a trap, unlike ignoring, is not inherited.
_LEADER = (
    'umask 077; d=$1; shift; exec </dev/null >>"$d/collector.log" 2>&1; set -a; . "$d/environment"; set +a; '
    'trap : TERM INT HUP; echo $$ >"$d/leader"; "$@"; echo $? >"$d/exit"'
)
_COLLECTOR = 'echo $$ >"$1/pid"; shift; exec "$@"'

_SPAWN_SECONDS = 10.0
_NOTE_SECONDS = 1.0
_PAUSE = 0.005
_SIGNALLED = 128
_DEADLINE = 124
_NOT_FOUND = 127
_TAIL_BYTES = 64 * 1024


def with_deadline(command: Sequence[str], lifetime: timedelta) -> list[str]:
    """`command`, ended by coreutils' `timeout` when `lifetime` is over."""
    seconds = f"{max(lifetime.total_seconds(), 0.001):.3f}"
    return ["timeout", "-k", str(KILL_AFTER_SECONDS), seconds, *command]


class DetachedSupervisor:
    """A `Supervisor`: processes in a session of their own, with their notes and their log in the place's folder."""

    def __init__(self, machine: Machine, kept: Places) -> None:
        self._machine = machine
        self._places = kept

    def spawn(self, program: Program) -> ProcessIdentity:
        """See `Supervisor.spawn`."""
        folder = str(program.folder)
        inner = ["sh", "-c", _COLLECTOR, "sh", folder, *program.command]
        bounded = inner if program.lifetime is None else with_deadline(inner, program.lifetime)
        done = self._machine.run(["setsid", "--fork", "sh", "-c", _LEADER, "sh", folder, *bounded])
        if done.status == _NOT_FOUND:
            raise DependencyError(
                "the program setsid is missing on this host",
                code="missing_program",
                hint="install util-linux (setsid) and coreutils (timeout)",
            )
        if done.status:
            words = done.err.decode(errors="replace").strip()
            raise DependencyError(f"the collector could not be started: {words}", code="spawn_failed")
        return self._await_identity(program.place)

    def current(self, record: PlaceRecord) -> PlaceRecord:
        """See `Supervisor.current`; nobody starts it again here."""
        return record

    def is_running(self, record: PlaceRecord) -> bool:
        """See `Supervisor.is_running`; its shells alone do not count."""
        identity = record.identity
        if identity is None or identity.boot != self._machine.boot_id():
            return False
        return is_alive(self._machine, Row(identity.pid, identity.started, identity.leader, ""))

    def owns(self, one: Row, record: PlaceRecord | None) -> bool:
        """Whether `one` belongs to the session of `record`, even when all between them are gone.

        The kernel gives no pid away that still names a session: so the session is ours unless its leader is a
        process with another start time.
        """
        identity = record.identity if record else None
        if identity is None or one.session != identity.leader or identity.boot != self._machine.boot_id():
            return False
        leader = self._machine.row(identity.leader)
        return leader is None or leader.started == identity.leader_started

    def exit_words(self, record: PlaceRecord) -> str:
        """See `Supervisor.exit_words`; as far as its leader noted it."""
        identity = record.identity
        if identity and identity.boot != self._machine.boot_id():
            return "ended when the host was rebooted"
        status = self._exit_status(record)
        if identity is None and status is None:
            return "was never started completely"
        if status is None:
            return "was killed together with its supervisor"
        if status == _DEADLINE and record.lifetime is not None:
            return f"reached its deadline of {record.lifetime:g} s"
        if status > _SIGNALLED:
            return f"was killed by {_signal_name(status - _SIGNALLED)}"
        return f"exited with code {status}"

    def log_lines(self, place: str, count: int) -> list[str]:
        """See `Supervisor.log_lines`; however large the log is."""
        text = self._machine.read_tail(self._places.path(place) / places.LOG, _TAIL_BYTES)
        return [line for line in text.splitlines() if line.strip()][-count:]

    def let_go(self, place: str) -> None:
        """See `Supervisor.let_go`: nobody would start it again."""

    def serve_after_boot(self) -> None:
        """See `Supervisor.serve_after_boot`: without an init that we may ask, the next recovery does it."""

    def rest_after_boot(self) -> None:
        """See `Supervisor.rest_after_boot`."""

    def _await_identity(self, place: str) -> ProcessIdentity:
        folder = self._places.path(place)
        deadline = time.monotonic() + _SPAWN_SECONDS
        while time.monotonic() < deadline:
            # The exit is looked at first: noted before a pid appears, there will be none.
            has_ended = self._machine.read(folder / places.EXIT) is not None
            pid = self._noted(folder / places.PID)
            if pid or has_ended:
                return self._identify(self._noted(folder / places.LEADER), pid)
            time.sleep(_PAUSE)
        raise DependencyError(
            f"the collector did not start within {_SPAWN_SECONDS:.0f} s",
            code="spawn_failed",
            hint="is the host overloaded or out of processes?",
        )

    def _exit_status(self, record: PlaceRecord) -> int | None:
        """What the leader noted; awaited for a moment while it lives, for the collector dies before that is written."""
        path = self._places.path(record.place) / places.EXIT
        identity = record.identity
        deadline = time.monotonic() + _NOTE_SECONDS
        while (status := self._noted(path)) is None and time.monotonic() < deadline:
            leader = self._machine.row(identity.leader) if identity else None
            if leader is None or identity is None or leader.started != identity.leader_started:
                return self._noted(path)
            time.sleep(_PAUSE)
        return status

    def _identify(self, leader: int | None, pid: int | None) -> ProcessIdentity:
        first = self._machine.row(leader or 0)
        second = self._machine.row(pid or 0)
        return ProcessIdentity(
            boot=self._machine.boot_id(),
            leader=leader or 0,
            leader_started=first.started if first else 0,
            pid=pid or 0,
            started=second.started if second else 0,
        )

    def _noted(self, path: Path) -> int | None:
        """The number that a shell noted; None until its line is complete."""
        text = self._machine.read(path)
        return int(text) if text and text.endswith("\n") and text.strip().isdigit() else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
