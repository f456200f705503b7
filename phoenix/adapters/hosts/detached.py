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
from phoenix.adapters.hosts.supervisor import Kept, Program, Standing
from phoenix.adapters.machines.machine import BOOT_ID, Machine, Row
from phoenix.adapters.machines.process_table import parsed
from phoenix.domain.errors import DependencyError

KILL_AFTER_SECONDS = 5

# The leader must outlive a SIGTERM to its session, or nobody notes the exit; a trap, unlike ignoring, is not inherited.
_LEADER = (
    'umask 077; exec </dev/null >>"$0/collector.log" 2>&1; set -a; . "$0/environment"; set +a; '
    'trap : TERM INT HUP; echo $$ >"$0/leader"; "$@"; echo $? >"$0/exit"'
)
"""Its folder is its name, which no variable of a pipeline can replace."""

# In a place that was removed meanwhile nothing is started: nobody would find it there.
_COLLECTOR = 'echo $$ >"$0/pid" && exec "$@"'

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
        inner = ["sh", "-c", _COLLECTOR, folder, *program.command]
        bounded = inner if program.lifetime is None else with_deadline(inner, program.lifetime)
        done = self._machine.run(["setsid", "--fork", "sh", "-c", _LEADER, folder, *bounded])
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

    def look(self, record: PlaceRecord) -> Standing:
        """See `Supervisor.look`; nobody starts it again here, and its shells alone do not count."""
        identity = record.identity
        return Standing(record, runs=identity is not None and self._lives(identity))

    def _lives(self, identity: ProcessIdentity) -> bool:
        boot, stat = self._machine.read_all(BOOT_ID, Path(f"/proc/{identity.pid}/stat"))
        found = parsed(identity.pid, stat or "")
        return found is not None and (identity.boot, identity.started) == (
            (boot or "").strip(),
            found[0].started,
        )

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

    def kept(self) -> Kept:
        """See `Supervisor.kept`: whatever runs is found by its marks."""
        return Kept()

    def serve_after_boot(self) -> None:
        """See `Supervisor.serve_after_boot`: without an init that we may ask, the next recovery does it."""

    def rest_after_boot(self) -> None:
        """See `Supervisor.rest_after_boot`."""

    def _await_identity(self, place: str) -> ProcessIdentity:
        folder = self._places.path(place)
        notes = [folder / name for name in (places.EXIT, places.PID, places.LEADER)]
        deadline = time.monotonic() + _SPAWN_SECONDS
        while time.monotonic() < deadline:
            # The exit is looked at first: noted before a pid appears, there will be none.
            ended, pid, leader = map(_number, self._machine.read_all(*notes))
            if pid is not None or ended is not None:
                return self._identify(leader or 0, pid or 0)
            time.sleep(_PAUSE)
        raise DependencyError(
            f"the collector did not start within {_SPAWN_SECONDS:.0f} s",
            code="spawn_failed",
            hint="is the host overloaded, out of processes, or its disk full?",
        )

    def _exit_status(self, record: PlaceRecord) -> int | None:
        """What the leader noted; awaited for a moment while it lives, for the collector dies before that is written."""
        path = self._places.path(record.place) / places.EXIT
        identity = record.identity
        deadline = time.monotonic() + _NOTE_SECONDS
        while (status := _number(self._machine.read(path))) is None and time.monotonic() < deadline:
            leader = self._machine.row(identity.leader) if identity else None
            if leader is None or identity is None or leader.started != identity.leader_started:
                return _number(self._machine.read(path))
            time.sleep(_PAUSE)
        return status

    def _identify(self, leader: int, pid: int) -> ProcessIdentity:
        stats = [Path(f"/proc/{one}/stat") for one in (leader, pid)]
        boot, *texts = self._machine.read_all(BOOT_ID, *stats)
        first, second = (parsed(one, text or "") for one, text in zip((leader, pid), texts, strict=True))
        return ProcessIdentity(
            boot=(boot or "").strip(),
            leader=leader,
            leader_started=first[0].started if first else 0,
            pid=pid,
            started=second[0].started if second else 0,
        )


def _number(note: str | None) -> int | None:
    """What a shell noted; None until its line is complete."""
    return int(note) if note and note.endswith("\n") and note.strip().isdigit() else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
