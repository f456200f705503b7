"""A host in the head: process rows, what a pipeline would export of them, and a variant observed over both."""

from collections.abc import Iterable, Sequence

from phoenix.domain.observation.exports import ExportSnapshot, Point, SeriesKey, Telemetry
from phoenix.domain.observation.kernel_history import KernelHistory
from phoenix.domain.observation.observer import ArmObserver
from phoenix.domain.patterns import compile_pattern
from phoenix.domain.processes import Census, Process
from phoenix.domain.samples import ArmSample

EPOCH = 1_700_000_000.0
TICKS = 100
BOOT = EPOCH - 1000.0
COLLECTOR = 4242


def row(
    pid: int, name: str = "app", cpu: float = 1.0, rss: int = 1000, born: float = -500.0, *, zombie=False
):
    """A process; `born` is its start, s of the scene's clock."""
    return Process(pid, round((EPOCH + born - BOOT) * TICKS), name, cpu, rss, zombie)


def census(at: float, rows: Iterable[Process], throttled: int | None = None) -> Census:
    periods = {} if throttled is None else {COLLECTOR: throttled}
    return Census(at, EPOCH + at, BOOT, TICKS, {r.pid: r for r in rows}, periods)


def stamp(at: float | None) -> int | None:
    return None if at is None else round((EPOCH + at) * 1000)


def point(name: str, value: float, at: float | None, **labels: str) -> Point:
    return (SeriesKey.of(name, labels), value, stamp(at))


def of(process: Process, at: float | None, *, cpu: float | None = None, **more: str) -> list[Point]:
    """The 8 series of a process, as the scraper makes them."""
    labels = {"process_pid": str(process.pid), "process_executable_name": process.name, **more}
    used = process.cpu_seconds if cpu is None else cpu
    seconds = "process_cpu_time_seconds_total"
    return [
        point(seconds, used * 0.75, at, state="user", **labels),
        point(seconds, used * 0.25, at, state="system", **labels),
        point(seconds, 1000.0, at, state="wait", **labels),
        point("process_disk_io_bytes_total", 1.0, at, direction="read", **labels),
        point("process_disk_io_bytes_total", 1.0, at, direction="write", **labels),
        point("process_memory_usage_bytes", float(process.rss_bytes), at, **labels),
        point("process_memory_virtual_bytes", 1e9, at, **labels),
        point("process_threads", 1.0, at, **labels),
    ]


def folded(cpu: float, rss: float, at: float | None, name: str = "(rest)") -> list[Point]:
    labels = {"process_executable_name": name, "phoenix_folded": "true"}
    return [
        point("process_cpu_time_seconds_total", cpu, at, state="user", **labels),
        point("process_memory_usage_bytes", rss, at, **labels),
        point("phoenix_folded_processes", 3.0, at, **labels),
    ]


def all_of(rows: Iterable[Process], at: float | None) -> list[Point]:
    return [p for process in rows for p in of(process, at)]


class Scene:
    """One variant on one host, at an interval of 1 s; its collector's rounds are half a second before the ticks."""

    def __init__(self, *critical: str) -> None:
        self.kernel = KernelHistory([compile_pattern(pattern) for pattern in critical])
        self.arm = ArmObserver(1.0, COLLECTOR)

    def tick(
        self,
        at: float,
        rows: Iterable[Process] | None,
        points: Sequence[Point],
        *,
        measured: bool = True,
        telemetry: Telemetry | None = None,
        throttled: int | None = None,
    ) -> ArmSample:
        self.kernel.observe(None if rows is None else census(at, rows, throttled))
        return self.arm.observe(
            ExportSnapshot(points), telemetry or Telemetry(at), self.kernel, measured=measured
        )
