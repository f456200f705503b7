"""Who drives: processes identified by machine, boot, pid and start time, and the person who started them."""

import getpass
import os
import signal
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phoenix.domain.load.run import LoadRun
from phoenix.domain.record import Driver, ExperimentRecord

SILENCE = timedelta(minutes=2)
"""A driver on another machine that has not said for so long that it lives is held for lost; it beats each scrape."""

_START_TIME_FIELD = 19
"""Of /proc/PID/stat, counted behind the closing parenthesis of the name (proc(5), field 22)."""


def process(pid: int) -> Driver | None:
    """The process that has this pid now; None if there is none or it is a zombie."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return Driver(_machine(), pid, int(fields[_START_TIME_FIELD]))


def person() -> str:
    """`user@machine` of whoever runs us."""
    user = "unknown"
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def lives(driver: Driver) -> bool | None:
    """Whether a driver still runs; None if it is of another machine, where we cannot look."""
    machine = _machine()
    here = _place_of(machine)
    is_same_boot = machine == driver.machine and machine.rpartition("/")[2] != ""
    # A machine need not have a name of its own; a boot always has one.
    if is_same_boot or (here == _place_of(driver.machine) and all(here)):
        return process(driver.pid) == driver
    return None


def signal_to(driver: Driver, number: signal.Signals) -> bool:
    """Send a signal to that very process of this machine, and to none that has its pid by now.

    Returns:
        Whether it was there.
    """
    try:
        handle = os.pidfd_open(driver.pid)
    except ProcessLookupError:
        return False
    try:
        if not lives(driver):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def is_alive(record: ExperimentRecord | LoadRun) -> bool:
    """Whether the record's driver still runs: looked up here, judged by its heartbeat elsewhere."""
    if record.driver is None:
        return False
    found = lives(record.driver)
    if found is not None:
        return found
    return record.heartbeat_at is not None and datetime.now(UTC) - record.heartbeat_at < SILENCE


def machine_id() -> str:
    """What tells this machine from others, across reboots; "" where it has no such name."""
    return _read("/etc/machine-id")


def _machine() -> str:
    """This machine, PID namespace and boot: after a reboot, nothing that was recorded before it lives."""
    boot = _read("/proc/sys/kernel/random/boot_id")
    return f"{machine_id()}/{_pid_namespace()}/{boot}"


def _place_of(machine: str) -> tuple[str, ...]:
    """Where pids mean what they mean here: the machine and the PID namespace, the boot apart."""
    return tuple(machine.split("/")[:2])


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
