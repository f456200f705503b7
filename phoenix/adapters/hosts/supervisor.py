"""What keeps collectors running on a host: units of systemd where it is the init, else processes on their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from phoenix.adapters.hosts.places import PlaceRecord, ProcessIdentity
from phoenix.adapters.machines.machine import Row


@dataclass(frozen=True, slots=True)
class Program:
    """A collector to be kept running.

    Attributes:
        place: Where it stands.
        folder: Of that place; holds the file `environment`.
        command: The binary and its arguments.
        pipeline: For people.
        lifetime: After it the host ends it with no help from us; None for production, which is started again
            whenever it ends by itself, and after a reboot.
        capabilities: What it needs beyond the rights of its user, such as CAP_SYS_PTRACE.
        secret_files: Files that its configuration reads and that may be closed to its user.
    """

    place: str
    folder: Path
    command: Sequence[str]
    pipeline: str
    lifetime: timedelta | None
    capabilities: Sequence[str]
    secret_files: Sequence[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a record speaks of, as it is now.

    Attributes:
        record: With the process that runs: production may have been started again since.
        runs: Whether the collector itself lives.
    """

    record: PlaceRecord
    runs: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What a supervisor keeps of a host.

    Attributes:
        places: Those that it keeps running, or would start.
        boots: Whether it starts one of them after a reboot.
    """

    places: frozenset[str] = frozenset()
    boots: bool = False


class Supervisor(Protocol):
    """Raises (every verb): DependencyError where the host does not do it."""

    def spawn(self, program: Program) -> ProcessIdentity:
        """Start it and return as soon as its pid is known; it may have died by then."""
        ...

    def look(self, record: PlaceRecord) -> Standing: ...

    def exit_words(self, record: PlaceRecord) -> str:
        """Why it does not run."""
        ...

    def log_lines(self, place: str, count: int) -> list[str]:
        """The last lines that it wrote, at most `count`, oldest first; also right after `let_go`."""
        ...

    def owns(self, one: Row, record: PlaceRecord | None) -> bool:
        """Whether a process belongs to what was started, even when its marks are gone."""
        ...

    def let_go(self, place: str) -> None:
        """Keep it running no longer: end what it knows of it, and do not start it again."""
        ...

    def kept(self) -> Kept: ...

    def serve_after_boot(self) -> None:
        """See to it that after a reboot the place that the `active` link names is started."""
        ...

    def rest_after_boot(self) -> None:
        """Take that back: nothing serves."""
        ...
