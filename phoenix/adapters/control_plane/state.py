"""What the supervisor of the control plane says of itself: one file, worth something only while that process lives."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from phoenix.adapters import drivers
from phoenix.adapters.machines import durable
from phoenix.domain.record import Driver

STATE_FILE = "control-plane.json"
"""In the installation's state folder."""

LOCK_FILE = "control-plane.lock"
"""Held by the one supervisor of a state folder; the kernel frees it with him."""


class PartState(StrEnum):
    """Where a part stands."""

    WAITING = "waiting"
    """For the parts before it."""
    STARTING = "starting"
    """Its process runs, and does not do its work yet."""
    RUNNING = "running"
    DONE = "done"
    """It ran to its end, and is not meant to stay."""
    RESTARTING = "restarting"
    """It died; it is started again after a pause."""
    FAILED = "failed"
    """It ended badly, and is not started again before there is a new reason to."""
    STOPPING = "stopping"
    STOPPED = "stopped"


class Stage(StrEnum):
    """Where the control plane as a whole stands."""

    STARTING = "starting"
    READY = "ready"
    """Every part does its work."""
    DEGRADED = "degraded"
    """It was ready, and a part is being restarted."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """A part as its supervisor last saw it.

    Attributes:
        name: `prefect-server`, `deployments`, `worker-1`, ...
        state: Where it stands.
        since: When it came to that, UTC.
        pid: Of its process; None where none runs.
        url: Where it answers; None where nobody asks it anything.
        restarts: How often it was started again after it died.
        words: What it said last before it died; "" where it never did.
    """

    name: str
    state: PartState
    since: datetime
    pid: int | None = None
    url: str | None = None
    restarts: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The control plane of one installation.

    Attributes:
        supervisor: The process that holds it up.
        stage: Where it stands as a whole.
        since: When its supervisor started, UTC.
        api_url: The value for PREFECT_API_URL; None until that server answers for the first time.
        ui_url: Where people look at it; None where `api_url` is.
        owns_server: Whether the Prefect server is a part of it, and not one that was there.
        parts: In the order in which they start.
        words: What it is waiting for, for people; "" where for nothing.
    """

    supervisor: Driver
    stage: Stage
    since: datetime
    api_url: str | None
    ui_url: str | None
    owns_server: bool
    parts: tuple[PartStatus, ...] = ()
    words: str = ""

    def part(self, name: str) -> PartStatus | None:
        """The part of that name; None where there is none."""
        return next((part for part in self.parts if part.name == name), None)


def running(home: Path) -> ControlPlane | None:
    """The control plane of an installation; None where its supervisor does not live, whatever its file says."""
    found = _read(home)
    return found if found is not None and drivers.lives(found.supervisor) else None


def running_api_url(home: Path) -> str | None:
    """The value for PREFECT_API_URL of the control plane that runs on this state folder; None where none does."""
    found = running(home)
    return found.api_url if found is not None else None


def write(home: Path, control_plane: ControlPlane) -> None:
    """Say how it stands, in one step; for the supervisor alone."""
    durable.make_folder(home)
    durable.write(home / STATE_FILE, _DOCUMENT.dump_json(control_plane, indent=2).decode())


def remove(home: Path) -> None:
    """Take the file away, as the last thing that a supervisor does."""
    (home / STATE_FILE).unlink(missing_ok=True)


def _read(home: Path) -> ControlPlane | None:
    text = durable.read(home / STATE_FILE)
    if text is None:
        return None
    try:
        return _DOCUMENT.validate_json(text)
    except ValidationError:
        return None  # of another version of Phoenix, or none of ours: nobody's word


_DOCUMENT = TypeAdapter(ControlPlane)
