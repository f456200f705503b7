"""The census of a host, taken by the agent."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, cast

from phoenix.adapters.hosts.agent_process import AgentProcess, Message
from phoenix.domain.errors import DependencyError
from phoenix.domain.processes import Census, Process

_ZOMBIE = "Z"


class AgentCensusSession:
    """A `CensusSession`; one tick at a time, from any thread."""

    def __init__(self, agent: AgentProcess, columns: Sequence[str]) -> None:
        self._agent = agent
        self._columns = columns
        self._lock = threading.Lock()
        self._ids = count(1)

    def take(self, collectors: Sequence[int], timeout: timedelta) -> Census:
        """See `CensusSession.take`."""
        with self._lock:
            deadline = time.monotonic() + timeout.total_seconds()
            number = next(self._ids)
            self._agent.send(deadline, "tick", id=number, cgroup_of=list(collectors))
            while True:
                message = self._agent.receive(deadline)
                # An answer that came too late for its own tick is still in the pipe.
                if message.get("type") == "census" and message.get("id") == number:
                    return census_of(message, self._columns)


def census_of(message: Message, columns: Sequence[str]) -> Census:
    """The agent's message as a value.

    Args:
        message: Of type `census`.
        columns: What the fields of a row are.

    Raises:
        DependencyError: A field is missing or of another kind.
    """
    fields = cast("Mapping[str, Any]", message)
    try:
        ticks = int(fields["clk_tck"])
        read = _Rows(columns, ticks)
        return Census(
            at_seconds=float(fields["mono"]),
            wall_seconds=float(fields["wall"]),
            boot_seconds=float(fields["boot_time"]),
            ticks_per_second=ticks,
            processes={process.pid: process for process in map(read, fields["processes"])},
            throttled_periods={
                int(pid): int(value["nr_throttled"]) for pid, value in fields["throttled"].items()
            },
            forks=int(fields["host"]["forks"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DependencyError(f"the agent's census cannot be read: {error!r}", code="agent_broken") from error


class _Rows:
    """Reads rows: 2,000 of them each scrape, so the columns are looked up once."""

    def __init__(self, columns: Sequence[str], ticks: int) -> None:
        names = (
            "pid",
            "start_ticks",
            "name",
            "utime_ticks",
            "stime_ticks",
            "rss_bytes",
            "state",
            "is_kernel_thread",
        )
        self._where = tuple(columns.index(name) for name in names)
        self._ticks = ticks

    def __call__(self, row: Sequence[Any]) -> Process:
        pid, started, name, user, system, rss, state, is_kernel = (row[index] for index in self._where)
        return Process(
            pid=pid,
            started=started,
            name=name,
            cpu_seconds=(user + system) / self._ticks,
            rss_bytes=rss,
            is_zombie=state == _ZOMBIE,
            is_kernel_thread=is_kernel,
        )
