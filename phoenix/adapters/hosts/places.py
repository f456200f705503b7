"""Places: a folder per collector with its record, its log and what its supervisor notes.

The record is written with the intent, before anything is started, and completed afterwards: a crash at any moment
leaves a place that says whose it is.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from phoenix.adapters.hosts.ports import LOOPBACK
from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.ports import RunningCollector

RECORD = "process.json"
LOG = "collector.log"
LEADER = "leader"
PID = "pid"
EXIT = "exit"
ENVIRONMENT = "environment"


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
        binary: The collector that runs it.
        identity: None until it was started.
        retired: It served once and was replaced; what it takes to start it again is kept.
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
    binary: str = ""
    identity: ProcessIdentity | None = None
    retired: bool = False

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

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._folder = folder

    def path(self, place: str) -> Path:
        return self._folder / place

    def write(self, record: PlaceRecord) -> None:
        self._machine.make_folder(self.path(record.place))
        self._machine.write(self.path(record.place) / RECORD, json.dumps(asdict(record)) + "\n")

    def read(self, place: str) -> PlaceRecord | None:
        """None if nothing was started there, or its record cannot be read."""
        text = self._machine.read(self.path(place) / RECORD)
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
        return self._machine.folders(self._folder)

    def records(self) -> Iterator[PlaceRecord]:
        for name in self.names():
            record = self.read(name)
            if record:
                yield record

    def clean(self, place: str) -> None:
        """Remove what an earlier collector left there, but not the record: it says whose the place is."""
        self._machine.remove(*(self.path(place) / name for name in (LEADER, PID, EXIT, LOG)))

    def remove(self, place: str) -> None:
        """Remove the place; the record goes last, so that an interrupted removal still names its owner."""
        folder = self.path(place)
        inside = [folder / name for name in self._machine.names(folder) if name != RECORD]
        self._machine.remove(*inside, folder / RECORD, folder)
