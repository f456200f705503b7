"""Places: a folder per collector with its record, its log and what its supervisor notes.

The record is written with the intent, before anything is started, and completed afterwards: a crash at any moment
leaves a place that says whose it is.
"""

import json
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path

from phoenix.adapters.hosts.ports import LOOPBACK
from phoenix.adapters.machines.machine import Machine, Text
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
        binary: The collector that runs it; "" where an earlier version started it.
        identity: None until it was started.
        retired: It served once and was replaced: production's history, which only its removal by name takes away.
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

    def text(self, record: PlaceRecord) -> Text:
        """The file that holds `record`, to be written."""
        return Text(self.path(record.place) / RECORD, json.dumps(asdict(record)) + "\n")

    def write(self, record: PlaceRecord) -> None:
        self._machine.change([self.text(record)])

    def read(self, place: str) -> PlaceRecord | None:
        """None if nothing was started there, or its record cannot be read."""
        return _record_in(self._machine.read(self.path(place) / RECORD))

    def all(self) -> dict[str, PlaceRecord | None]:
        """Every place with a folder, with its record if it has one that can be read."""
        texts = self._machine.read_each(self._folder, RECORD)
        return {name: _record_in(text) for name, text in sorted(texts.items())}

    def records(self) -> list[PlaceRecord]:
        return [record for record in self.all().values() if record]

    def notes(self, place: str) -> list[Path]:
        """What a supervisor leaves in a place, to be removed before another collector starts there."""
        return [self.path(place) / name for name in (LEADER, PID, EXIT, LOG)]

    def files(self, place: str) -> list[Path]:
        """All of a place, to be removed in this order: interrupted, it still names its owner."""
        folder = self.path(place)
        return [*self.notes(place), folder / ENVIRONMENT, folder / RECORD, folder]


def _record_in(text: str | None) -> PlaceRecord | None:
    """Fields of a later version are left out: whoever does not know them must not take the place for nobody's."""
    try:
        fields = json.loads(text or "")
        identity = fields.get("identity")
        known = {one.name: fields[one.name] for one in dataclass_fields(PlaceRecord) if one.name in fields}
        if identity is not None:
            ours = {one.name: identity[one.name] for one in dataclass_fields(ProcessIdentity)}
            known["identity"] = ProcessIdentity(**ours)
        return PlaceRecord(**known)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
