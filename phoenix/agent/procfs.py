"""Reading /proc: the formats, and the name that host_metrics gives to a process."""

from __future__ import annotations

import os
from typing import Callable

# Fields of /proc/PID/stat after the name, see proc(5): field 3 (state) is index 0.
STATE, PPID, FLAGS, UTIME, STIME, CUTIME, CSTIME, START = 0, 1, 6, 11, 12, 13, 14, 19
LAST = START + 1

KERNEL_THREAD = 0x00200000
"""PF_KTHREAD of include/linux/sched.h."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def root() -> str:
    """Where the process table is: HOST_PROC as for the collector, else /proc."""
    return os.environ.get("HOST_PROC") or "/proc"


def pids(table: str | int) -> list[str]:
    """Every process that the kernel shows in a folder (path or descriptor) now."""
    return [name for name in os.listdir(table) if name.isdigit()]


def read(path: str, size: int = 65536) -> bytes:
    """The first `size` bytes of a file, in one read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, size)
    finally:
        os.close(fd)


def parse_stat(data: bytes) -> tuple[bytes, list[bytes]]:
    """The name and the fields from `state` to `starttime` of a /proc/PID/stat.

    A name may hold spaces, parentheses and line breaks; no field after it does, so the last `)` ends it.

    Raises:
        ValueError: Not a whole stat line, e.g. of a process that vanished.
    """
    end = data.rfind(b")")
    start = data.find(b"(")
    fields = data[end + 2 :].split(b" ", LAST)
    if start < 0 or end < start or len(fields) <= START:
        raise ValueError("not a stat line")
    return data[start + 1 : end], fields


def executable_name(comm: bytes, cmdline: Callable[[], bytes]) -> str:
    """What host_metrics 0.159 (gopsutil 4.26.7) reports as process.executable.name.

    The kernel cuts names at 15 bytes. gopsutil takes a shorter one as it is; from 15 bytes on it reads the name of
    /proc/PID/status instead (escaped and trimmed) and prefers the last part of argv[0] if it begins with that.

    Args:
        comm: The name as in /proc/PID/stat and /proc/PID/comm.
        cmdline: Reads /proc/PID/cmdline; called for long names only.
    """
    if 0 < len(comm) < 15:
        return comm.decode(errors="replace")
    name = comm.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").strip(b" \t")
    if len(name) >= 15:
        arguments = cmdline()
        if arguments:
            extended = _base(arguments.rstrip(b"\0").split(b"\0", 1)[0])
            name = extended if extended.startswith(name) else name
    return name.decode(errors="replace")


def owner_of(folder: str, variable: str) -> str | None:
    """The value that an environment variable had when the process of this folder started, None where unset.

    Raises:
        OSError: The process is gone, or not ours to read.
    """
    prefix = variable.encode() + b"="
    for entry in read(f"{folder}/environ", 1 << 20).split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode(errors="replace")
    return None


def _base(path: bytes) -> bytes:
    """Go's filepath.Base, which differs from Python's for empty paths and trailing slashes."""
    if not path:
        return b"."
    return path.rstrip(b"/").rpartition(b"/")[2] or b"/"
