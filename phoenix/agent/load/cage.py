"""Caps that the kernel itself holds: a control group, or a scope of systemd, for the load and everything it starts.

Where systemd is the init it alone may arrange control groups, so it is asked for a scope. Elsewhere we make a group
below our own, which takes root or a delegated one. What cannot be capped is left to the generator, and said.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import suppress
from typing import Callable, Optional

from phoenix.agent import procfs
from phoenix.agent.load.request import Limits

PROCESSES, MEMORY, CPU = "processes", "memory", "cpu"

_PREFIX = "phoenix-load-"
_PERIOD_US = 100_000
_PATIENCE_SECONDS = 5.0
_SETTLE_SECONDS = 1.0
_PAUSE_SECONDS = 0.01
_GROUPS = "/sys/fs/cgroup"
_FILES = {PROCESSES: "pids.max", MEMORY: "memory.max", CPU: "cpu.max"}
_OLD_FILES = {PROCESSES: "pids.max", MEMORY: "memory.limit_in_bytes", CPU: "cpu.cfs_quota_us"}
_CONTROLLERS = {PROCESSES: "pids", MEMORY: "memory", CPU: "cpu"}


class Cage:
    """Where this process and all that it starts are held.

    Attributes:
        capped: What the kernel limits now, some of `processes`, `memory`, `cpu`.
    """

    def __init__(self) -> None:
        self.capped: tuple[str, ...] = ()
        self._made: list[tuple[str, str]] = []

    def enter(self, owner: str, limits: Limits) -> None:
        """Go in; whatever this host does not offer is left out of `capped`."""
        if os.geteuid() == 0 and os.path.isdir("/run/systemd/system"):
            _enter_scope(owner, limits)
        else:
            self._remove_forgotten()
            for what, folder in self._folders():
                if _value(what, limits):
                    self._enter_group(what, folder, _name(owner), limits)
        self.capped = tuple(what for what in _FILES if _is_capped(what, limits))

    def leave(self) -> None:
        """Take what we made away again; a scope goes with its last process."""
        for folder, group in self._made:
            _try_write(f"{folder}/cgroup.procs", str(os.getpid()))
            _try_rmdir(group)

    def _remove_forgotten(self) -> None:
        """Groups of loads whose guard was killed; only empty ones can be removed."""
        for _, folder in self._folders():
            for name in os.listdir(folder):
                if name.startswith(_PREFIX):
                    _try_rmdir(f"{folder}/{name}")

    def _folders(self) -> list[tuple[str, str]]:
        """For each limit the folder of our own group that may have one below it."""
        found = {what: group_of(what) for what in _FILES}
        return [(what, folder) for what, folder in found.items() if folder and os.access(folder, os.W_OK)]

    def _enter_group(self, what: str, folder: str, name: str, limits: Limits) -> None:
        group = f"{folder}/{name}"
        is_old = os.path.exists(f"{folder}/tasks")
        if not is_old and _CONTROLLERS[what] not in _text(f"{folder}/cgroup.subtree_control").split():
            return
        try:
            os.mkdir(group)
            self._made.append((folder, group))
        except FileExistsError:
            pass  # of another limit, in the same hierarchy
        except OSError:
            return
        text = _value(what, limits) if is_old else _unified(what, limits)
        if _try_write(f"{group}/{(_OLD_FILES if is_old else _FILES)[what]}", text):
            _try_write(f"{group}/cgroup.procs", str(os.getpid()))


def _name(owner: str) -> str:
    """Of this one load: an owner may have several on a machine, one for each of its hosts."""
    return f"{_PREFIX}{owner}:{os.getpid()}"


def group_of(what: str) -> Optional[str]:
    """The folder of this process's control group for a limit; None where there is no such controller."""
    unified: Optional[str] = None
    for line in _text("/proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if _CONTROLLERS[what] in controllers.split(","):
            return _existing(f"{_GROUPS}/{controllers}{path}", f"{_GROUPS}/{_CONTROLLERS[what]}{path}")
        if not controllers:
            unified = _existing(f"{_GROUPS}{path}")
            if unified and not os.path.exists(f"{unified}/cgroup.procs"):
                unified = None  # a hybrid host: the controllers are elsewhere
    return unified


def _existing(*folders: str) -> Optional[str]:
    return next((folder.rstrip("/") for folder in folders if os.path.isdir(folder)), None)


def _enter_scope(owner: str, limits: Limits) -> None:
    """Ask systemd for a transient scope around this process; it is there when our group has its name."""
    name = f"{_name(owner)}.scope"
    properties = ["PIDs", "au", "1", str(os.getpid()), "CollectMode", "s", "inactive-or-failed"]
    count = 2
    for key, value in (
        ("TasksMax", limits.processes),
        ("MemoryMax", limits.memory_bytes),
        ("CPUQuotaPerSecUSec", round(limits.cpu_cores * 1e6)),
    ):
        if value:
            properties += [key, "t", str(value)]
            count += 1
    manager = "org.freedesktop.systemd1"
    call = [
        "busctl",
        "call",
        manager,
        "/org/freedesktop/systemd1",
        f"{manager}.Manager",
        "StartTransientUnit",
    ]
    arguments = ["ssa(sv)a(sa(sv))", name, "fail", str(count), *properties, "0"]
    try:
        subprocess.run(
            [*call, *arguments],
            timeout=_PATIENCE_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except (OSError, subprocess.SubprocessError):
        return
    _await(lambda: name in _text("/proc/self/cgroup"), _PATIENCE_SECONDS)
    # It moves us from one hierarchy to the next; not every host has one for each limit.
    asked = [what for what in _FILES if _value(what, limits)]
    _await(lambda: all(_is_capped(what, limits) for what in asked), _SETTLE_SECONDS)


def _await(claim: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        select.select([], [], [], _PAUSE_SECONDS)


def _is_capped(what: str, limits: Limits) -> bool:
    """Whether our group really has a limit that is not above what was asked for."""
    folder = group_of(what)
    if not folder or not _value(what, limits):
        return False
    for name in (_FILES[what], _OLD_FILES[what]):
        words = _text(f"{folder}/{name}").split()
        if words and words[0].isdigit():
            return int(words[0]) <= int(_value(what, limits)) * 1.01
    return False


def _value(what: str, limits: Limits) -> str:
    """The limit as its file takes it; "" where none was asked for."""
    number = {
        PROCESSES: limits.processes,
        MEMORY: limits.memory_bytes // procfs.PAGE_BYTES * procfs.PAGE_BYTES,
        CPU: round(limits.cpu_cores * _PERIOD_US),
    }[what]
    return str(number) if number else ""


def _unified(what: str, limits: Limits) -> str:
    return f"{_value(what, limits)} {_PERIOD_US}" if what == CPU else _value(what, limits)


def _text(path: str) -> str:
    try:
        return procfs.read(path).decode(errors="replace")
    except OSError:
        return ""


def _try_rmdir(group: str) -> None:
    with suppress(OSError):  # something lives in it
        os.rmdir(group)


def _try_write(path: str, text: str) -> bool:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return False
    return True
