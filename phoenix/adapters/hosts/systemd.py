"""The systemd supervisor: one unit for each collector, written whole, so that `systemctl cat` shows everything.

Units of an experiment lie in /run and are gone after a reboot; those of revisions lie in /etc, not enabled: at boot the
boot unit starts whichever the `active` link names, so that the link is the only truth about what serves.
"""

import signal
from dataclasses import replace
from pathlib import Path

from phoenix.adapters.hosts.marks import revision_number
from phoenix.adapters.hosts.places import ENVIRONMENT, PlaceRecord, Places, ProcessIdentity
from phoenix.adapters.hosts.supervisor import Program
from phoenix.adapters.machines.machine import Finished, Machine, Row
from phoenix.domain.errors import DependencyError
from phoenix.manifests.systemd import (
    TRANSIENT_UNIT_FOLDER,
    UNIT_FOLDER,
    CollectorUnit,
    boot_unit,
    boot_unit_name,
    collector_unit,
    unit_name,
)

_UNIT_MODE = 0o644
_SHOWN = ("MainPID", "ActiveState", "SubState", "Result", "ExecMainCode", "ExecMainStatus", "InvocationID")
_KILLED, _DUMPED = "2", "3"
"""Of ExecMainCode (waitid(2), si_code)."""


class SystemdSupervisor:
    """A `Supervisor`.

    Args:
        machine: One where systemd is the init and we are root.
        folder: Of the host.
        kept: Its places.
    """

    def __init__(self, machine: Machine, folder: Path, kept: Places) -> None:
        self._machine = machine
        self._folder = str(folder)
        self._places = kept

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
        name = self._name(program.place)
        self._machine.write(self._path(program.place), collector_unit(unit), _UNIT_MODE)
        self._ask("daemon-reload")
        self._systemctl("reset-failed", name)
        # Not waited for: whoever asked looks whether it came up, and tells its last words if it did not.
        self._ask("start", "--no-block", name)
        return self._identity(program.place)

    def current(self, record: PlaceRecord) -> PlaceRecord:
        """See `Supervisor.current`."""
        if record.retired:
            return record
        identity = self._identity(record.place)
        return record if identity.pid == 0 else replace(record, identity=identity)

    def is_running(self, record: PlaceRecord) -> bool:
        """See `Supervisor.is_running`."""
        shown = self._show(record.place)
        return (
            shown.get("ActiveState") in ("active", "activating") and shown.get("SubState") != "auto-restart"
        )

    def exit_words(self, record: PlaceRecord) -> str:
        """See `Supervisor.exit_words`."""
        shown = self._show(record.place)
        status, code = shown.get("ExecMainStatus", ""), shown.get("ExecMainCode", "")
        if (
            record.identity
            and record.identity.boot != self._machine.boot_id()
            and not shown.get("InvocationID")
        ):
            return "ended when the host was rebooted"
        if shown.get("Result") == "timeout" and record.lifetime is not None:
            return f"reached its deadline of {record.lifetime:g} s"
        if code in (_KILLED, _DUMPED):
            return f"was killed by {_signal_name(status)}"
        if not code or code == "0":
            return "was never started completely" if record.identity is None else "was ended"
        return f"exited with code {status}"

    def log_lines(self, place: str, count: int) -> list[str]:
        """See `Supervisor.log_lines`; of its last start only."""
        identifier = self._show(place).get("InvocationID")
        if not identifier:
            return []
        chosen = [f"_SYSTEMD_INVOCATION_ID={identifier}", "-n", str(count), "-o", "cat", "--no-pager", "-q"]
        done = self._machine.run(["journalctl", *chosen])
        lines = done.out.decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-count:]

    def owns(self, one: Row, record: PlaceRecord | None) -> bool:
        """See `Supervisor.owns`: whatever belongs to a unit was ended with it."""
        return bool(
            record
            and record.identity
            and (one.pid, one.started) == (record.identity.pid, record.identity.started)
        )

    def let_go(self, place: str) -> None:
        """See `Supervisor.let_go`."""
        path = self._path(place)
        if not self._machine.exists(path):
            return
        self._ask("stop", self._name(place))
        self._systemctl("reset-failed", self._name(place))
        self._machine.remove(path)
        self._ask("daemon-reload")

    def serve_after_boot(self) -> None:
        """See `Supervisor.serve_after_boot`."""
        name, text = boot_unit_name(self._folder), boot_unit(self._folder)
        path = Path(UNIT_FOLDER) / name
        if self._machine.read(path) != text:
            self._machine.write(path, text, _UNIT_MODE)
            self._ask("daemon-reload")
        self._ask("enable", name)

    def rest_after_boot(self) -> None:
        """See `Supervisor.rest_after_boot`."""
        name = boot_unit_name(self._folder)
        if self._machine.exists(Path(UNIT_FOLDER) / name):
            self._ask("disable", name)
            self._machine.remove(Path(UNIT_FOLDER) / name)
            self._ask("daemon-reload")

    def _name(self, place: str) -> str:
        return unit_name(self._folder, place)

    def _path(self, place: str) -> Path:
        lasting = revision_number(place) is not None
        return Path(UNIT_FOLDER if lasting else TRANSIENT_UNIT_FOLDER) / self._name(place)

    def _identity(self, place: str) -> ProcessIdentity:
        """Of the unit's main process; pid 0 while it has none."""
        pid = int(self._show(place).get("MainPID", "0"))
        found = self._machine.row(pid) if pid else None
        return ProcessIdentity(
            boot=self._machine.boot_id(),
            leader=pid,
            leader_started=found.started if found else 0,
            pid=pid if found else 0,
            started=found.started if found else 0,
        )

    def _show(self, place: str) -> dict[str, str]:
        done = self._systemctl("show", self._name(place), f"--property={','.join(_SHOWN)}")
        lines = done.out.decode(errors="replace").splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def _ask(self, *words: str) -> None:
        done = self._systemctl(*words)
        if done.status:
            said = done.err.decode(errors="replace").strip()
            raise DependencyError(f"systemctl {' '.join(words)} failed: {said}", code="systemd_failed")

    def _systemctl(self, *words: str) -> Finished:
        return self._machine.run(["systemctl", "--quiet", *words])


def _signal_name(status: str) -> str:
    try:
        return signal.Signals(int(status)).name
    except ValueError:
        return f"signal {status}"
