"""Places: a folder per collector with its record, its log and what its supervisor notes.

The record is written with the intent, before anything is started, and completed afterwards: a crash at any moment
leaves a place that says whose it is.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from phoenix.adapters.hosts import durable
from phoenix.adapters.hosts.free_ports import LOOPBACK
from phoenix.adapters.ports import RunningCollector

RECORD = "process.json"
LOG = "collector.log"
LEADER = "leader"
PID = "pid"
EXIT = "exit"

_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A started collector, as the kernel knows it.

    Attributes:
        boot: Boot id; under another one the pids mean nothing.
        leader: Leader of the session that everything it starts belongs to.
        leader_started: Clock ticks since boot; 0 if it was gone before it could be read.
        pid: The collector itself.
        started: Like `leader_started`.
    """

    boot: str
    leader: int
    leader_started: int
    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """What stands, or is about to stand, in a place.

    Attributes:
        lifetime: s; None without a deadline.
        metrics: Port of its Prometheus exporter.
        telemetry: Port of its own telemetry.
        health: Port of its health check.
        identity: None until it was started.
    """

    place: str
    owner: str
    pipeline: str
    version: str
    digest: str
    lifetime: float | None
    metrics: int
    telemetry: int
    health: int
    identity: ProcessIdentity | None = None

    def running(self) -> RunningCollector:
        """As the port tells it; pid 0 if it never came up."""
        return RunningCollector(
            place=self.place,
            pid=self.identity.pid if self.identity else 0,
            pipeline=self.pipeline,
            version=self.version,
            digest=self.digest,
            owner=self.owner,
            metrics_url=f"http://{LOOPBACK}:{self.metrics}/metrics",
            telemetry_url=f"http://{LOOPBACK}:{self.telemetry}/metrics",
        )


class Places:
    """The folder of places. Who writes holds the host's lock, except for completing one's own record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, place: str) -> Path:
        return self._folder / place

    def write(self, record: PlaceRecord) -> None:
        durable.make_folder(self.path(record.place))
        durable.write(self.path(record.place) / RECORD, json.dumps(asdict(record)) + "\n")
        durable.flush_folder(self._folder)

    def read(self, place: str) -> PlaceRecord | None:
        """None if nothing was started there, or its record cannot be read."""
        text = durable.read(self.path(place) / RECORD)
        if text is None:
            return None
        try:
            fields = json.loads(text)
            if fields["identity"] is not None:
                fields["identity"] = ProcessIdentity(**fields["identity"])
            return PlaceRecord(**fields)
        except (ValueError, TypeError, KeyError):
            return None

    def names(self) -> tuple[str, ...]:
        """All places with a folder, whether or not it has a record."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in self._folder.iterdir() if path.is_dir()))

    def records(self) -> Iterator[PlaceRecord]:
        for name in self.names():
            record = self.read(name)
            if record:
                yield record

    def clean(self, place: str) -> None:
        """Remove what an earlier collector left there, but not the record: it says whose the place is."""
        for name in (LEADER, PID, EXIT, LOG):
            (self.path(place) / name).unlink(missing_ok=True)

    def remove(self, place: str) -> None:
        """Remove the place; the record goes last, so that an interrupted removal still names its owner."""
        if not self.path(place).is_dir():
            return
        for path in self.path(place).iterdir():
            if path.name != RECORD:
                _remove_any(path)
        (self.path(place) / RECORD).unlink(missing_ok=True)
        shutil.rmtree(self.path(place), ignore_errors=True)
        durable.flush_folder(self._folder)

    def log_lines(self, place: str, count: int) -> list[str]:
        """The last lines of its log, at most `count`, oldest first; however large the log is."""
        text = durable.read_tail(self.path(place) / LOG, _TAIL_BYTES)
        return [line for line in text.splitlines() if line.strip()][-count:]


def _remove_any(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
