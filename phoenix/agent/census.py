"""`census`: answers each tick with the process table as the kernel shows it.

The command lines are never told, they may carry secrets.
"""

from __future__ import annotations

import select
import time
from typing import Any

from phoenix.agent import cgroup, procfs, protocol, wake
from phoenix.agent.table import COLUMNS, ProcessTable

_STDIN = 0


def run() -> int:
    """Serve ticks until the control plane is gone."""
    signals = wake.on_signals()
    protocol.hello("census", columns=COLUMNS)
    census = _Census()
    requests = protocol.Lines(_STDIN)
    while not requests.eof:
        readable, _, _ = select.select([_STDIN, signals], [], [])
        if signals in readable and wake.is_told_to_end(signals):
            break
        for request in requests.read() if _STDIN in readable else ():
            census.answer(request)
    return 0


class _Census:
    def __init__(self) -> None:
        root = procfs.root()
        self._stat = f"{root}/stat"
        self._table = ProcessTable(root)
        self._constants: dict[str, object] = {
            "clk_tck": procfs.TICKS_PER_SECOND,
            # Once only: the kernel derives it from the wall clock, so it moves when that is set.
            "boot_time": _host_counters(self._stat)["btime"],
            "boot_id": procfs.read(f"{root}/sys/kernel/random/boot_id").decode().strip(),
        }

    def answer(self, request: dict[str, Any]) -> None:
        """One tick: the table first, at once, since its time stamp is what counts."""
        if request.get("type") != "tick":
            raise protocol.RefusedError(
                "bad_request", f"census knows the request tick, not {request.get('type')!r}"
            )
        wall, mono, cpu = time.time(), time.monotonic(), time.process_time()
        rows = self._table.read()
        took = time.monotonic() - mono
        protocol.emit(
            "census",
            id=request.get("id"),
            wall=wall,
            mono=mono,
            took_s=round(took, 6),
            cpu_s=round(time.process_time() - cpu, 6),
            **self._constants,
            processes=rows,
            reaped_ticks=sum(int(row[-2]) + int(row[-1]) for row in rows),
            host=_host(self._stat),
            throttled=_throttled(request.get("cgroup_of", [])),
        )


def _host(path: str) -> dict[str, object]:
    """CPU of the whole host by mode, and forks since boot: what lived between two ticks shows in their growth."""
    counters = _host_counters(path)
    return {"cpu_ticks": counters["cpu"], "forks": counters["processes"]}


def _host_counters(path: str) -> dict[str, Any]:
    """`cpu` (ticks by mode as in proc(5): user, nice, system, idle, ...), `btime` and `processes` of /proc/stat."""
    found: dict[str, Any] = {}
    with open(path, "rb") as file:
        for line in file:
            key, _, value = line.decode().partition(" ")
            if key == "cpu":
                found[key] = [int(part) for part in value.split()]
            elif key in ("btime", "processes"):
                found[key] = int(value)
    return found


def _throttled(pids: list[int]) -> dict[str, dict[str, int]]:
    found = {str(pid): cgroup.throttling(int(pid)) for pid in pids}
    return {pid: value for pid, value in found.items() if value is not None}
