"""Who drives an experiment: processes identified by machine, boot, pid and start time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def is_alive(record: ExperimentRecord) -> bool:
    """Whether the record's driver still runs: looked up here, judged by its heartbeat elsewhere."""
    driver = record.driver
    if driver is None:
        return False
    if _host_of(driver.machine) == _host_of(_machine()):
        return process(driver.pid) == driver
    return record.heartbeat_at is not None and datetime.now(UTC) - record.heartbeat_at < SILENCE


def _machine() -> str:
    """This machine in this boot: after a reboot, nothing that was recorded before it lives."""
    return f"{_read('/etc/machine-id')}/{_read('/proc/sys/kernel/random/boot_id')}"


def _host_of(machine: str) -> str:
    return machine.partition("/")[0]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
