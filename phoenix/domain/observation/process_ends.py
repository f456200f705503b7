"""What an output and the kernel may rightly differ by at the end of a process: neither saw it to the last moment."""

from typing import NamedTuple

from phoenix.domain.observation.export_reading import ExportReading
from phoenix.domain.observation.kernel_history import Ended, KernelHistory

TICK_SECONDS = 0.02
"""User and system time are counted in ticks of 10 ms each."""

_Identity = tuple[int, int]
"""Pid and start time."""


class _Exported(NamedTuple):
    """A process's CPU counter in the newest round that had it, and in the one before; s, time as in the reading."""

    value: float
    before: float
    at: float | None


class ProcessEnds:
    """Brings both sides to the same moment when a process ends.

    The kernel's table and the collector read a process half an interval apart, so of each life one of them saw more.
    An output that had the process in its last possible round has accounted for all that the table saw of it.

    Attributes:
        loose_seconds: CPU time of the last interval of ended processes that the output did not show one by one, s: in
            a folded series it may be or may not be, and so may what lived at one take only.
    """

    def __init__(self) -> None:
        self.loose_seconds = 0.0
        self._exported: dict[_Identity, _Exported] = {}

    def observe(self, reading: ExportReading, kernel: KernelHistory) -> float:
        """What is to be added to the account for the processes that ended since the take before, s."""
        self._remember(reading, kernel)
        missing = 0.0
        for ended in kernel.ended:
            process = ended.process
            exported = self._exported.pop((process.pid, process.started), None)
            if exported is not None and _is_complete(exported, ended):
                missing += process.cpu_seconds - exported.value
            elif ended.is_brief:
                self.loose_seconds += process.cpu_seconds
            elif ended.before_seconds is not None:
                self.loose_seconds += process.cpu_seconds - ended.before_seconds
        return missing

    def _remember(self, reading: ExportReading, kernel: KernelHistory) -> None:
        ended = {e.process.pid: e.process for e in kernel.ended}
        for (pid, _), (value, at) in reading.cpu_seconds.items():
            process = ended.get(pid) or kernel.process(pid)
            if process is None:
                continue
            identity = (pid, process.started)
            last = self._exported.get(identity)
            if last is None:
                self._exported[identity] = _Exported(value, 0.0, at)
            elif at is None or last.at is None or at > last.at:
                self._exported[identity] = _Exported(value, last.value, at)


def _is_complete(exported: _Exported, ended: Ended) -> bool:
    """Whether the counter was exported as late as a round can be; one that counts twice is not brought in line."""
    if ended.before_seconds is None:
        return False
    is_late = exported.value >= ended.before_seconds - TICK_SECONDS
    return is_late and exported.before <= ended.process.cpu_seconds + TICK_SECONDS
