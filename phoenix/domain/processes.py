"""The kernel's process table at one tick: the truth that both variants are held against."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """One row of the table.

    Attributes:
        pid: Process id.
        started: Start time, clock ticks since boot; with the pid it identifies the process.
        name: `process.executable.name` exactly as the host_metrics process scraper reports it.
        cpu_seconds: User and system time used so far, s.
        rss_bytes: Resident memory, By.
        is_zombie: It has ended and waits to be reaped; the scraper may or may not still see it.
        is_kernel_thread: The kernel's own: no program, and no memory of its own.
    """

    pid: int
    started: int
    name: str
    cpu_seconds: float
    rss_bytes: int
    is_zombie: bool = False
    is_kernel_thread: bool = False


@dataclass(frozen=True, slots=True)
class Census:
    """The process table of a host.

    Attributes:
        at_seconds: Monotonic clock of the host when it was read, s; to be compared within one session only.
        wall_seconds: Wall clock of the host at the same instant, s since the epoch.
        boot_seconds: Wall clock of the host's boot, s since the epoch.
        ticks_per_second: Unit of `Process.started`.
        processes: By pid.
        throttled_periods: By pid of a collector, CFS periods in which its cgroup was throttled; absent if unreadable.
        forks: Processes and threads started since boot, as the kernel counts them; None where nobody asked it.
    """

    at_seconds: float
    wall_seconds: float
    boot_seconds: float
    ticks_per_second: int
    processes: Mapping[int, Process]
    throttled_periods: Mapping[int, int]
    forks: int | None = None
