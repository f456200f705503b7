"""Whether the kernel held a process back: CPU throttling by its control groups, v1 and v2."""

from __future__ import annotations

import os

from phoenix.agent import procfs


def throttling(pid: int) -> dict[str, int] | None:
    """Periods and throttled periods, summed over the process's group and those above it.

    A quota at any level holds the process back, so all levels count. None where no level tells: no quota can be set
    there (the root), no CPU controller, or not ours to read.
    """
    try:
        group = _group(procfs.read(f"{procfs.root()}/{pid}/cgroup").decode(errors="replace"))
    except OSError:
        return None
    if group is None:
        return None
    mount, path = group
    found: dict[str, int] | None = None
    while True:
        level = _level(f"{mount}{path}/cpu.stat")
        if level is not None:
            found = level if found is None else {key: found[key] + level[key] for key in found}
        if not path.strip("/"):
            return found
        path = path.rpartition("/")[0]


def _group(text: str) -> tuple[str, str] | None:
    """Mount point and path of the group that limits CPU, from a /proc/PID/cgroup."""
    base = (os.environ.get("HOST_SYS") or "/sys") + "/fs/cgroup"
    unified: tuple[str, str] | None = None
    for line in text.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        path = path.rstrip("/")
        if "cpu" in controllers.split(","):
            return f"{base}/{controllers}", path
        if not controllers:
            unified = base, path
    return unified


def _level(path: str) -> dict[str, int] | None:
    try:
        lines = procfs.read(path).decode().splitlines()
        values = {key: int(value) for key, _, value in (line.partition(" ") for line in lines)}
        return {"nr_periods": values["nr_periods"], "nr_throttled": values["nr_throttled"]}
    except (OSError, KeyError, ValueError):
        return None
