"""`strays`: who on this host still carries an owner's mark."""

from __future__ import annotations

import os

from phoenix.agent import procfs, protocol


def run(owner: str) -> int:
    """Tell once and end."""
    protocol.hello("strays", columns=["pid", "start_ticks", "name"])
    found, unreadable = marked(owner, procfs.root())
    protocol.emit("strays", owner=owner, processes=found, unreadable=unreadable)
    return 0


def marked(owner: str, root: str) -> tuple[list[list[object]], int]:
    """The owner's processes except this one and those it descends from.

    Args:
        owner: Value of the mark.
        root: The process table to look through.

    Returns:
        Rows of PID, start ticks and name; and how many processes were not ours to look into (0 for root).
    """
    found: list[list[object]] = []
    unreadable = 0
    apart = _lineage(root)
    for pid in procfs.pids(root):
        if int(pid) in apart:
            continue
        try:
            if procfs.owner_of(f"{root}/{pid}", protocol.OWNER_VARIABLE) == owner:
                found.append(_row(root, pid))
        except PermissionError:
            unreadable += 1
        except (OSError, ValueError):
            continue  # gone meanwhile: not left behind
    return found, unreadable


def _row(root: str, pid: str) -> list[object]:
    folder = f"{root}/{pid}"
    comm, fields = procfs.parse_stat(procfs.read(f"{folder}/stat"))
    name = procfs.executable_name(comm, lambda: procfs.read(f"{folder}/cmdline"))
    return [int(pid), int(fields[procfs.START]), name]


def _lineage(root: str) -> set[int]:
    """This process and its ancestors: wrappers such as timeout carry the mark too."""
    pids: set[int] = set()
    pid = int(os.readlink(f"{root}/self"))  # not getpid: the table may be that of another namespace
    while pid > 0 and pid not in pids:
        pids.add(pid)
        try:
            _, fields = procfs.parse_stat(procfs.read(f"{root}/{pid}/stat"))
        except (OSError, ValueError):
            break
        pid = int(fields[procfs.PPID])
    return pids
