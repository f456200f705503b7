"""What the logic of a host needs of the machine it stands on, as one protocol: this machine, or another over SSH.

Every verb on files may be done twice. A path is of the machine's own; it is never mixed with text of a shell. Behind
SSH each verb is a round trip or two, so whatever belongs together has one verb.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from signal import Signals
from typing import Protocol

SHORT = timedelta(seconds=30)
"""For a program that takes milliseconds; the rest is for a busy host."""


@dataclass(frozen=True, slots=True)
class Row:
    """A living process.

    Attributes:
        started: Clock ticks since boot; with the pid it identifies the process for as long as the machine is up.
        session: Process id of its session's leader, who may be gone.
        marks: The variables of its environment that begin with `PHOENIX_`; empty where it is not ours to read.
    """

    pid: int
    started: int
    session: int
    name: str
    marks: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A file as it shall be.

    Attributes:
        mode: Of the file.
        folder_mode: Of the folders above it that are missing.
    """

    path: Path
    text: str
    mode: int = 0o600
    folder_mode: int = 0o700


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended."""

    status: int
    out: bytes
    err: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What a machine is.

    Attributes:
        architecture: As `uname -m` says it.
        is_root: Whether what we run there may do everything.
        has_systemd: Whether systemd is its init, and ours to ask.
        python: The program that can run the agent; "" if there is none.
        home: Of the user that we are there.
    """

    architecture: str
    is_root: bool
    has_systemd: bool
    python: str
    home: str


class Pipe(Protocol):
    """A running program that we talk to. Its standard input ends when we do, however we die.

    Attributes:
        stdin: File descriptor to write to; does not block.
        stdout: File descriptor to read from, by `select`.
    """

    @property
    def stdin(self) -> int: ...

    @property
    def stdout(self) -> int: ...

    def status(self) -> int | None:
        """Its exit status, 128 + N where signal N ended it, as shells say it; None while it runs."""
        ...

    def last_words(self) -> str:
        """The end of its standard error."""
        ...

    def wait(self, timeout: timedelta) -> bool:
        """Whether it ended within `timeout`."""
        ...

    def end_input(self) -> None:
        """Let it read the end of its input."""
        ...

    def close(self) -> None:
        """Release everything; ends it if it still runs."""
        ...


class Machine(Protocol):
    """One machine.

    Raises (every verb): DependencyError where the machine does not do it or is out of reach; OSError only of this
    machine's own files, which `host_trouble` puts into words.
    """

    def facts(self) -> Facts: ...

    def now(self) -> float:
        """The machine's own wall clock, s since the epoch: all who work on it go by that one."""
        ...

    def read(self, path: Path) -> str | None:
        """The text of a file; None if there is no such file."""
        ...

    def read_all(self, *paths: Path) -> tuple[str | None, ...]:
        """The text of each file."""
        ...

    def read_each(self, folder: Path, name: str) -> Mapping[str, str | None]:
        """The text of the file `name` in each folder of `folder`, by that folder's name."""
        ...

    def read_tail(self, path: Path, limit: int) -> str:
        """The last `limit` bytes as text; "" if there is no such file."""
        ...

    def write(self, path: Path, text: str, mode: int = 0o600) -> None:
        """Replace a file in one step; readers see the old or the new text, also after a power cut."""
        ...

    def change(self, texts: Sequence[Text], gone: Sequence[Path] = ()) -> None:
        """Write each file as `write` does, in this order; then remove as `remove` does."""
        ...

    def put(self, source: Path, path: Path, digest: str) -> None:
        """Bring a program there, unless it is there: written aside, its sha256 compared, made executable, renamed."""
        ...

    def forget(self, folder: Path, minutes: int, kept: Collection[str]) -> None:
        """Remove the folders of `folder` that nobody asked for (`put`) for some minutes, but those of the names in `kept`."""
        ...

    def link(self, path: Path, target: str) -> None:
        """Point a symbolic link at `target` in one step."""
        ...

    def link_target(self, path: Path) -> str | None: ...

    def make_folder(self, folder: Path, mode: int = 0o700) -> None:
        """Make it and what is missing above it."""
        ...

    def names(self, *folders: Path) -> tuple[tuple[str, ...], ...]:
        """What is in each folder, sorted; nothing if there is no such folder."""
        ...

    def exists(self, path: Path) -> bool: ...

    def remove(self, *paths: Path) -> None:
        """Remove files and whole folders in this order; what is not there is removed."""
        ...

    def locked(self, folder: Path) -> AbstractContextManager[None]:
        """Hold the lock of `folder` against everybody; the kernel frees it when we die.

        Whatever this thread changes while it holds one is changed under that one, or not at all.
        """
        ...

    def run(
        self,
        argv: Sequence[str],
        timeout: timedelta = SHORT,
        stdin: bytes = b"",
        *,
        repeatable: bool = False,
    ) -> Finished:
        """Run a program to its end, with nothing of our environment but the path.

        Args:
            argv: Program and arguments.
            timeout: After it the program is killed.
            stdin: What it reads.
            repeatable: It may be run twice, where the first time its end was not heard of.
        """
        ...

    def open(self, argv: Sequence[str], environ: Mapping[str, str]) -> Pipe:
        """Start a program that we talk to; `environ` may hold no secret, for others can read it."""
        ...

    def boot_id(self) -> str:
        """Changes with every boot; a record of another boot speaks of dead processes."""
        ...

    def row(self, pid: int) -> Row | None:
        """The living process `pid`, without its marks; None if there is none or only its zombie is left."""
        ...

    def processes(self) -> tuple[Row, ...]:
        """All living processes with their marks; kernel threads, ourselves and our ancestors apart."""
        ...

    def deliver(self, one: Row, number: Signals) -> None:
        """Signal that very process; one that took its pid meanwhile is left alone."""
        ...

    def reach(self, port: int) -> int:
        """A port of our own loopback that leads to `port` of the machine's."""
        ...

    def leave(self, port: int) -> None:
        """`port` is not needed any more."""
        ...


def is_alive(machine: Machine, one: Row) -> bool:
    """That very process, not another one under its pid."""
    now = machine.row(one.pid)
    return now is not None and now.started == one.started


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
