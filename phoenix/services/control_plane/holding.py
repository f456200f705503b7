"""Holds one part up: starts it, sees it become ready, starts it again when it dies."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from phoenix.adapters.control_plane.processes import PartProcess, begin_anew, keep_small
from phoenix.adapters.control_plane.state import PartState, PartStatus
from phoenix.services.control_plane.parts import Part

PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Before a part that died is started again, s; the last one for every further time."""

STEADY_SECONDS = 120.0
"""A part that ran so long did not die of what it died of before."""

_ENDING_SECONDS = 10.0


class Held:
    """A part and its process.

    Args:
        part: What it is.
        logs: The folder of the logs.
        on_change: Called after its state changed.
    """

    def __init__(self, part: Part, logs: Path, on_change: Callable[[], None]) -> None:
        self.part = part
        self.restarts = 0
        self.words = ""
        self._log = logs / f"{part.name}.log"
        self._on_change = on_change
        self._process: PartProcess | None = None
        self._state = PartState.WAITING
        self._since = datetime.now(UTC)
        self._at = time.monotonic()
        self._deaths_in_a_row = 0
        begin_anew(self._log)

    @property
    def state(self) -> PartState:
        """Where it stands."""
        return self._state

    @property
    def is_up(self) -> bool:
        """Whether what comes after it may start."""
        return self._state in (PartState.RUNNING, PartState.DONE)

    @property
    def pid(self) -> int | None:
        """Of its process, while that runs."""
        return self._process.pid if self._process is not None else None

    def status(self) -> PartStatus:
        """For the state file."""
        return PartStatus(
            self.part.name, self._state, self._since, self.pid, self.part.url, self.restarts, self.words
        )

    def start(self) -> None:
        """Start its process."""
        try:
            self._process = PartProcess(self.part.command, self.part.environment, self._log)
        except OSError as fault:  # no memory, no room: it is tried again like one that died
            self._died(f"it could not be started: {fault}")
            return
        self._become(PartState.STARTING)
        self._look_whether_ready()

    def look(self) -> bool:
        """See how it is, and do what that asks for.

        Returns:
            Whether it has died just now.
        """
        keep_small(self._log)
        if self._process is None:
            if self._state is PartState.RESTARTING and time.monotonic() - self._at >= self._pause:
                self.restarts += 1
                self.start()
            return False
        code = self._process.poll()
        if code is not None:
            return self._ended(code)
        if self._state is PartState.STARTING:
            if time.monotonic() - self._at > self.part.patience:
                self._process.kill()
                return self._died(f"it was not ready within {self.part.patience:.0f} s")
            self._look_whether_ready()
        return False

    def end(self) -> None:
        """End its process: ask first, then by force."""
        if self._process is not None:
            self._become(PartState.STOPPING)
            self._process.signal(signal.SIGCONT)
            self._process.signal(signal.SIGTERM)
            self._process.wait(_ENDING_SECONDS)
            self.kill()
        self._become(PartState.STOPPED)

    def kill(self) -> None:
        """End its process at once."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def give_up(self) -> None:
        """Do not start it again by itself."""
        self._become(PartState.FAILED)

    def freeze(self) -> None:
        """Let its process do nothing more until it is ended."""
        if self._process is not None:
            self._process.signal(signal.SIGSTOP)

    @property
    def _pause(self) -> float:
        return PAUSES[min(self._deaths_in_a_row, len(PAUSES)) - 1]

    def _look_whether_ready(self) -> None:
        if self.part.is_ready is not None and self._listens() and self.part.is_ready():
            self._become(PartState.RUNNING)

    def _listens(self) -> bool:
        return self.part.port is None or (self._process is not None and self._process.listens(self.part.port))

    def _ended(self, code: int) -> bool:
        if code == 0 and not self.part.stays:
            self._process = None
            self._become(PartState.DONE)
            return False
        return self._died(_ending(code))

    def _died(self, how: str) -> bool:
        said = self._process.last_words() if self._process is not None else ""
        self.words = f"{how}; last words:\n{said}" if said else how
        ran = time.monotonic() - self._at
        self._deaths_in_a_row = 1 if ran > STEADY_SECONDS else self._deaths_in_a_row + 1
        self.kill()
        self._become(PartState.RESTARTING)
        return True

    def _become(self, state: PartState) -> None:
        self._state, self._since, self._at = state, datetime.now(UTC), time.monotonic()
        self._on_change()


def _ending(code: int) -> str:
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}"
