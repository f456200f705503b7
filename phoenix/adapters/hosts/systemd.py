"""The systemd supervisor: one unit for each collector, written whole, so that `systemctl cat` shows everything.

Units of an experiment lie in /run and are gone after a reboot; those of revisions lie in /etc, not enabled: at boot the
boot unit starts whichever the `active` link names, so that the link is the only truth about what serves.
"""

import signal
from dataclasses import replace
from pathlib import Path

from phoenix.adapters.hosts.marks import is_place, revision_number
from phoenix.adapters.hosts.places import ENVIRONMENT, PlaceRecord, ProcessIdentity
from phoenix.adapters.hosts.supervisor import Kept, Program, Standing
from phoenix.adapters.machines.machine import Finished, Machine, Row
from phoenix.adapters.machines.process_table import parsed
from phoenix.domain.errors import DependencyError
from phoenix.manifests.systemd import (
    TRANSIENT_UNIT_FOLDER,
    UNIT_FOLDER,
    CollectorUnit,
    boot_unit,
    boot_unit_name,
    collector_unit,
    unit_name,
    unit_prefix,
)

_UNIT_MODE = 0o644
_COMPLAINTS = 20
_SHOWN = "MainPID,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,InvocationID"
_FOLDERS = (Path(UNIT_FOLDER), Path(TRANSIENT_UNIT_FOLDER))
_WANTS = "multi-user.target.wants"

_KILLED, _DUMPED = "2", "3"
"""Of ExecMainCode (waitid(2), si_code)."""

_SET_UP = range(200, 256)
"""Exit statuses by which systemd says that the program was never reached (systemd.exec(5), process exit codes)."""

# --- what runs on the host: constants, with the name of the unit and its path as arguments ---

_LOOK = """
shown=$(systemctl show "$1" --property="$2") || exit 1
echo "$shown"; echo "Boot=$(cat /proc/sys/kernel/random/boot_id)"
pid=${shown#*MainPID=}; pid=${pid%%[!0-9]*}
[ "$pid" = 0 ] || echo "Stat=$(cat "/proc/$pid/stat" 2>/dev/null)"
"""

_START = """
look() { systemctl show "$1" --property=LoadState,NeedDaemonReload,FragmentPath; }
case $(look "$1") in
*LoadState=loaded*NeedDaemonReload=no* | *NeedDaemonReload=no*LoadState=loaded*) ;;
*) systemctl daemon-reload || exit 1 ;;
esac
case "$(look "$1")
" in
*"FragmentPath=$2
"*) ;;
*) look "$1" >&2; exit 78 ;;
esac
systemctl --quiet reset-failed "$1" 2>/dev/null
systemctl --quiet start "$1"
"""
"""Waits until the binary runs, or does not. What systemd read already is not read again: that costs more than a start."""

_IN_THE_WAY = 78

_STOP = """
[ -e "$2" ] || [ -n "$(systemctl list-units --all --plain --no-legend "$1")" ] || exit 0
systemctl show "$1" --property=InvocationID --value
systemctl --quiet stop "$1" || [ ! -e "$2" ] || exit 1
systemctl --quiet reset-failed "$1" 2>/dev/null
rm -f -- "$2" "$2".*.tmp || exit 1
[ -z "$(systemctl list-units --all --plain --no-legend "$1")" ] || systemctl daemon-reload
"""
"""systemd forgets a unit that is stopped by itself, unless something still speaks of it."""

_LOG = """
journalctl --sync 2>/dev/null
journalctl "$1" -n "$2" -o cat --no-pager -q
"""

_ITSELF, _OF_IT = "_SYSTEMD_INVOCATION_ID", "INVOCATION_ID"
"""Fields of the journal: what a unit's processes say, and what systemd says of a unit."""

_ENABLE = """
systemctl --quiet enable "$1" && sync "${2%/*}/multi-user.target.wants"
"""
"""systemd reads its units again by itself then."""

_DISABLE = """
[ -e "$2" ] || exit 0
systemctl --quiet disable "$1"; rm -f -- "$2" "$2".*.tmp && systemctl daemon-reload
"""


class SystemdSupervisor:
    """A `Supervisor`.

    Args:
        machine: One where systemd is the init and we are root.
        folder: Of the host.
    """

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._folder = str(folder)
        self._ended: dict[str, str] = {}
        """By place, the invocation that `let_go` ended: the journal still knows it when systemd does not."""

    def spawn(self, program: Program) -> ProcessIdentity:
        """See `Supervisor.spawn`."""
        binary, option = program.command
        unit = CollectorUnit(
            description=f"Phoenix: {program.pipeline} in {program.place}",
            place=program.place,
            binary=binary,
            config=option.removeprefix("--config="),
            folder=self._folder,
            environment_file=str(program.folder / ENVIRONMENT),
            lifetime=program.lifetime,
            capabilities=tuple(program.capabilities),
            secret_files=tuple(program.secret_files),
        )
        name, path = self._name(program.place), self._path(program.place)
        self._machine.write(path, collector_unit(unit), _UNIT_MODE)
        done = self._run(_START, name, str(path))
        self._ended.pop(program.place, None)
        shown = self._show(program.place)
        # Once it began, its end is told as any other; systemd may still know of a start before this one.
        if done.status == _IN_THE_WAY or not shown.get("InvocationID"):
            _heeded(done, name, path)
        return _identity(shown)

    def look(self, record: PlaceRecord) -> Standing:
        """See `Supervisor.look`."""
        shown = self._show(record.place)
        identity = _identity(shown)
        # Between two attempts it does not run, whatever systemd calls that.
        waits = shown.get("SubState", "").startswith("auto-restart")
        runs = shown.get("ActiveState") in ("active", "activating") and not waits
        return Standing(replace(record, identity=identity) if identity.pid else record, runs)

    def exit_words(self, record: PlaceRecord) -> str:
        """See `Supervisor.exit_words`."""
        shown = self._show(record.place)
        status, code = shown.get("ExecMainStatus", ""), shown.get("ExecMainCode", "")
        if not shown.get("InvocationID"):
            if record.identity is None:
                return "was never started completely"
            return (
                "ended when the host was rebooted"
                if record.identity.boot != shown.get("Boot")
                else "was ended"
            )
        if shown.get("Result") == "timeout" and record.lifetime is not None:
            return f"reached its deadline of {record.lifetime:g} s"
        if code in (_KILLED, _DUMPED):
            return f"was killed by {_signal_name(status)}"
        if status.isdigit() and int(status) in _SET_UP:
            return f"could not be set up by systemd (status {status}): {self._complaint(record.place, shown)}"
        return f"exited with code {status}"

    def log_lines(self, place: str, count: int) -> list[str]:
        """See `Supervisor.log_lines`; of its last start only."""
        invocation = self._show(place).get("InvocationID") or self._ended.get(place)
        return self._journal(_ITSELF, invocation, count) if invocation else []

    def owns(self, one: Row, record: PlaceRecord | None) -> bool:
        """See `Supervisor.owns`: whatever belongs to a unit was ended with it."""
        identity = record.identity if record else None
        return (
            identity is not None
            and (one.pid, one.started) == (identity.pid, identity.started)
            and identity.boot == self._machine.boot_id()
        )

    def let_go(self, place: str) -> None:
        """See `Supervisor.let_go`."""
        name, path = self._name(place), self._path(place)
        if invocation := self._demand(_STOP, name, path).out.decode(errors="replace").strip():
            self._ended[place] = invocation

    def kept(self) -> Kept:
        """See `Supervisor.kept`: what there are units for."""
        prefix = unit_prefix(self._folder)
        names = {name for part in self._machine.names(*_FOLDERS) for name in part if name.startswith(prefix)}
        places = {name.removeprefix(prefix).removesuffix(".service") for name in names}
        return Kept(frozenset(filter(is_place, places)), boot_unit_name(self._folder) in names)

    def serve_after_boot(self) -> None:
        """See `Supervisor.serve_after_boot`."""
        name, text = boot_unit_name(self._folder), boot_unit(self._folder)
        path, wanted = (Path(UNIT_FOLDER, folder, name) for folder in ("", _WANTS))
        if self._machine.read_all(path, wanted) == (text, text):
            return
        self._machine.write(path, text, _UNIT_MODE)
        self._demand(_ENABLE, name, path)

    def rest_after_boot(self) -> None:
        """See `Supervisor.rest_after_boot`."""
        name = boot_unit_name(self._folder)
        self._demand(_DISABLE, name, Path(UNIT_FOLDER, name))

    def _name(self, place: str) -> str:
        return unit_name(self._folder, place)

    def _path(self, place: str) -> Path:
        lasting = revision_number(place) is not None
        return Path(UNIT_FOLDER if lasting else TRANSIENT_UNIT_FOLDER) / self._name(place)

    def _show(self, place: str) -> dict[str, str]:
        """What systemd knows of the unit, the boot id, and the line of its main process in the process table."""
        name = self._name(place)
        done = _heeded(self._run(_LOOK, name, _SHOWN), name, self._path(place))
        text, _, stat = done.out.decode(errors="replace").partition("\nStat=")
        return {
            **{name: value for name, _, value in (line.partition("=") for line in text.splitlines())},
            "Stat": stat,
        }

    def _complaint(self, place: str, shown: dict[str, str]) -> str:
        """Why systemd did not come to the program."""
        name = self._name(place)
        said = self._journal(_OF_IT, shown["InvocationID"], _COMPLAINTS)
        words = next((line for line in said if "Failed" in line), f"systemctl status {name} says more")
        return words.removeprefix(f"{name}: ")

    def _journal(self, field: str, invocation: str, count: int) -> list[str]:
        done = self._run(_LOG, f"{field}={invocation}", str(count))
        lines = done.out.decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-count:]

    def _demand(self, script: str, name: str, path: Path) -> Finished:
        return _heeded(self._run(script, name, str(path)), name, path)

    def _run(self, script: str, *arguments: str) -> Finished:
        """What may be done twice, which all of these may."""
        return self._machine.run(["sh", "-c", script, "sh", *arguments], repeatable=True)


def _identity(shown: dict[str, str]) -> ProcessIdentity:
    """Of the unit's main process; pid 0 while it has none."""
    pid = int(shown.get("MainPID", "0"))
    found = parsed(pid, shown["Stat"]) if pid else None
    started = found[0].started if found else 0
    return ProcessIdentity(shown.get("Boot", ""), pid, started, pid if found else 0, started)


def _heeded(done: Finished, name: str, path: Path) -> Finished:
    """What a script said, unless it failed."""
    if not done.status:
        return done
    words = done.err.decode(errors="replace").strip().splitlines()
    if done.status == _IN_THE_WAY:
        raise DependencyError(
            f"{name} cannot be started: systemd reads it from elsewhere ({', '.join(words)})",
            code="systemd_failed",
            hint=f"systemctl unmask {name}, or remove what hides {path}",
        )
    raise DependencyError(
        f"systemd does not do what {name} needs: {words[0] if words else f'status {done.status}'}",
        code="systemd_failed",
        hint=f"systemctl status {name} says more",
    )


def _signal_name(status: str) -> str:
    try:
        return signal.Signals(int(status)).name
    except ValueError:
        return f"signal {status}"
