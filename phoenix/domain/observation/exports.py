"""What a variant exports and what its collector tells of itself: plain values, as one scrape reads them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

_CPU = re.compile(r"process_cpu_time(?:_seconds)?(?:_total)?")
_MEMORY = re.compile(r"process_memory_usage(?:_bytes)?")
_NO_SERIES = re.compile(r"target_info|up|scrape_.*|otel_scope_info")
"""What the exporter and a scrape add on their own: it says nothing of a process and no pipeline can change it."""

_MODE_LABELS = ("state", "cpu_mode")
"""The scraper at 0.159 says `state`; the semantic conventions now say `cpu.mode`."""

_MODES = frozenset({"user", "system", ""})
"""What counts as CPU used; `wait` is time spent waiting for a disk. "" is a pipeline that summed the modes."""


class Quantity(Enum):
    """What a series tells of its process, as far as Phoenix holds it against the kernel."""

    CPU = "cpu"
    MEMORY = "memory"
    OTHER = "other"
    NONE = "none"
    """No series of the pipeline: not counted."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesKey:
    """What identifies a series, and what of that Phoenix reads.

    Two keys compare by identity only, for speed; `text` tells whether they name the same series.

    Attributes:
        name: Metric name as exported.
        labels: Label values by name.
        text: The whole identity in one canonical order.
        pid: The process; None for a folded series.
        executable: `process.executable.name`; "" where it is not exported.
        process: Both in one; None for a folded series.
        quantity: What it tells.
        mode: CPU mode, "" where there is none.
        is_folded: It stands for several processes: marked so, or without a pid.
    """

    name: str
    labels: Mapping[str, str]
    text: str
    pid: int | None
    executable: str
    process: tuple[int, str] | None
    quantity: Quantity
    mode: str
    is_folded: bool

    @classmethod
    def of(cls, name: str, labels: Mapping[str, str]) -> "SeriesKey":
        text = labels.get("process_pid", "")
        is_folded = labels.get("phoenix_folded") == "true" or not (text.isascii() and text.isdigit())
        pid = None if is_folded else int(text)
        executable = labels.get("process_executable_name", "")
        mode = next((labels[label] for label in _MODE_LABELS if label in labels), "")
        return cls(
            name=name,
            labels=labels,
            text=name + repr(sorted(labels.items())),
            pid=pid,
            executable=executable,
            process=None if pid is None else (pid, executable),
            quantity=_quantity(name, mode),
            mode=mode,
            is_folded=is_folded,
        )


def _quantity(name: str, mode: str) -> Quantity:
    if _CPU.fullmatch(name):
        return Quantity.CPU if mode in _MODES else Quantity.OTHER
    if _MEMORY.fullmatch(name):
        return Quantity.MEMORY
    return Quantity.NONE if _NO_SERIES.fullmatch(name) else Quantity.OTHER


Point = tuple[SeriesKey, float, int | None]
"""A series, its value, and when it was collected (ms since the epoch, None where the exporter does not say)."""


@dataclass(frozen=True, slots=True)
class ExportSnapshot:
    """Everything an exporter shows at one moment; a plain tuple a point, for there are thousands each second."""

    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A collector's own counters since its start; None where it does not tell.

    Attributes:
        at_seconds: Monotonic clock of the reader, s.
        cpu_seconds: CPU time used, s.
        memory_bytes: Resident memory, By.
        points_received: Points its receivers accepted.
        points_sent: Points handed to the measuring exporter.
        bytes_sent: Uncompressed OTLP size of all batches, By.
        sent_to: Points that left, by exporter; an exporter that counts none is not there.
        failed_to: Points given up, by exporter; what is still being retried is in neither.
        uptime_seconds: How long it has been running, s.
    """

    at_seconds: float
    cpu_seconds: float | None = None
    memory_bytes: float | None = None
    points_received: float | None = None
    points_sent: float | None = None
    bytes_sent: float | None = None
    sent_to: Mapping[str, float] = field(default_factory=dict[str, float])
    failed_to: Mapping[str, float] = field(default_factory=dict[str, float])
    uptime_seconds: float | None = None
