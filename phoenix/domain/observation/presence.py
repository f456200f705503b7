"""Which processes a variant keeps over time: how late it finds new ones, and how often kept ones leave and return."""

from phoenix.domain.observation.export_reading import ExportReading
from phoenix.domain.observation.kernel_history import KernelHistory
from phoenix.domain.processes import Census

_Identity = tuple[int, int]
"""Pid and start time."""


class Presence:
    """Follows the processes that one variant exports on one host.

    Attributes:
        flaps: How often a process was absent from the output while it lived, and came back.
        detected: Processes that started in the window and were exported.
        delay_seconds: Their time from start to first export, summed, s.
        is_fed: At least one process was ever kept; else there is nothing to say.
    """

    def __init__(self) -> None:
        self.flaps = 0
        self.detected = 0
        self.delay_seconds = 0.0
        self.is_fed = False
        self._exported: set[_Identity] = set()
        self._left: set[_Identity] = set()

    def observe(self, reading: ExportReading, kernel: KernelHistory, since: int | None) -> None:
        """Compare with the scrape before.

        Args:
            reading: The output.
            kernel: Of the same tick; its table must have been read.
            since: Number of the take with which the window began; None before it: then nothing is counted.
        """
        census = kernel.current
        if census is None:
            return
        alive = {(pid, row.started) for pid, row in census.processes.items() if not row.is_zombie}
        shown = {pid for pid, _ in reading.present}
        kept = {identity for identity in alive if identity[0] in shown}
        if since is not None:
            self.flaps += len(kept & self._left)
            for identity in kept - self._exported:
                if kernel.is_newer_than(identity[0], since):
                    self._detect(identity, reading, census)
        self.is_fed = self.is_fed or bool(kept)
        self._exported = (self._exported | kept) & alive
        self._left = self._exported - kept

    def _detect(self, identity: _Identity, reading: ExportReading, census: Census) -> None:
        """The kernel's boot time may be told in whole seconds, so a delay may be up to 1 s too long."""
        started = census.boot_seconds + identity[1] / census.ticks_per_second
        exported = census.wall_seconds if reading.newest_seconds is None else reading.newest_seconds
        self.detected += 1
        self.delay_seconds += max(0.0, exported - started)
