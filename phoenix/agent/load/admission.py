"""What this host does not allow, found out before anything is started: the load is a guest, and refuses politely."""

from __future__ import annotations

import os
import resource
import socket
from typing import Iterator, Optional

from phoenix.agent import procfs
from phoenix.agent.load import image
from phoenix.agent.load.cage import MEMORY, PROCESSES, group_of
from phoenix.agent.load.request import OWN_PROCESSES, Start
from phoenix.agent.protocol import RefusedError

MAXIMUM_MEMORY_SHARE = 0.5
"""Of the memory that the host has available: the load must not bring down what it measures."""

_PASSING_PROCESSES = 2
"""Whatever generator and guard run for a moment."""

_MEMORY_FILES = (
    ("memory.max", "memory.current", b"inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", b"total_inactive_file"),
)
"""Limit, use, and what of that the kernel gives back when it is needed: cgroup v2 and v1."""

_PROC = "/proc"
"""Not HOST_PROC: what limits us is our own host's."""


def demand_room(start: Start) -> None:
    """Say no to what this host cannot carry.

    Raises:
        RefusedError: With what was asked for and what there is.
    """
    machine = os.uname().machine
    if machine not in image.CODE:
        raise RefusedError("unsupported_machine", f"no program for {machine}, only {sorted(image.CODE)}")
    _demand_processes(start)
    _demand_memory(start)
    cpus = len(os.sched_getaffinity(0))
    if start.cpu_cores > cpus:
        raise RefusedError(
            "not_enough_cpu", f"the load uses {start.cpu_cores:.2f} cores on average, this host has {cpus}"
        )


def metrics_listener(port: Optional[int]) -> Optional[socket.socket]:
    """Where our figures will be served, on the loopback.

    Raises:
        RefusedError: The port is taken, or not ours to take.
    """
    if port is None:
        return None
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise RefusedError("port_taken", f"port {port} cannot be listened on: {error.strerror}") from error
    listener.setblocking(False)
    return listener


def _demand_processes(start: Start) -> None:
    wanted = len(start.children) + start.churn.concurrent
    if start.limits.processes and wanted + OWN_PROCESSES > start.limits.processes:
        raise RefusedError(
            "too_many_processes",
            f"{wanted} processes at once and the {OWN_PROCESSES} that keep them are above the cap of "
            f"{start.limits.processes}",
        )
    for room, what in _rooms():
        if wanted + OWN_PROCESSES + _PASSING_PROCESSES > room:
            raise RefusedError(
                "too_many_processes",
                f"{wanted} processes at once are asked for, and {what} leaves room for {max(0, room)}",
            )


def _rooms() -> Iterator[tuple[int, str]]:
    """How many more processes each limit allows, and its name."""
    folder = group_of(PROCESSES)
    while folder and os.path.exists(f"{folder}/cgroup.procs"):
        limit, current = _number(f"{folder}/pids.max"), _number(f"{folder}/pids.current")
        if limit is not None and current is not None:
            yield limit - current, f"pids.max of {folder}"
        folder = os.path.dirname(folder)
    running = int(procfs.read(f"{_PROC}/loadavg").split()[3].split(b"/")[1])
    for name in ("pid_max", "threads-max"):
        limit = _number(f"{_PROC}/sys/kernel/{name}")
        if limit is not None:
            yield limit - running, f"kernel.{name}"
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if os.geteuid() != 0 and soft != resource.RLIM_INFINITY:
        yield soft - _own_processes(), f"the limit of {soft} processes of the user {os.geteuid()}"


def _own_processes() -> int:
    found = 0
    for pid in procfs.pids(_PROC):
        try:
            found += os.stat(f"{_PROC}/{pid}").st_uid == os.geteuid()
        except OSError:
            continue
    return found


def _demand_memory(start: Start) -> None:
    wanted = sum(max(child.behaviour.memory_bytes.values) for child in start.children)
    most = max((max(one.memory_bytes.values) for one in start.churn.behaviours), default=0)
    wanted += start.churn.concurrent * most
    for available, what in _memory():
        if wanted > available * MAXIMUM_MEMORY_SHARE:
            raise RefusedError(
                "not_enough_memory",
                f"the load needs {wanted} bytes, more than {MAXIMUM_MEMORY_SHARE:.0%} of the "
                f"{max(0, available)} available {what}",
            )


def _memory() -> Iterator[tuple[int, str]]:
    """Bytes that are available, on the host and in each control group around us: a container has less than its host."""
    fields = dict(line.split(b":", 1) for line in procfs.read(f"{_PROC}/meminfo").splitlines())
    yield int(fields[b"MemAvailable"].split()[0]) * 1024, "on this host"
    folder = group_of(MEMORY)
    while folder and os.path.exists(f"{folder}/cgroup.procs"):
        for limit_file, used_file, idle in _MEMORY_FILES:
            limit, used = _number(f"{folder}/{limit_file}"), _number(f"{folder}/{used_file}")
            if limit is not None and used is not None:
                yield limit - used + _statistic(f"{folder}/memory.stat", idle), f"in {folder}"
        folder = os.path.dirname(folder)


def _statistic(path: str, name: bytes) -> int:
    try:
        return int(dict(line.split() for line in procfs.read(path).splitlines())[name])
    except (OSError, KeyError, ValueError):
        return 0


def _number(path: str) -> Optional[int]:
    """What stands in a file of the kernel; None for `max` and where there is none."""
    try:
        return int(procfs.read(path))
    except (OSError, ValueError):
        return None
