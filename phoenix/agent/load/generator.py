"""`load`: keeps a population of simulated processes up until it is told to stop, or its control plane is gone."""

from __future__ import annotations

import heapq
import math
import select
import time
from collections import deque
from typing import Any

from phoenix.agent import protocol, wake
from phoenix.agent.load.population import Population
from phoenix.agent.load.request import Start, read_start

_STDIN = 0
_BATCH = 64
"""Starts between two looks at stdin and signals: some 30 ms."""

_STATUS_SECONDS = 1.0
_USAGE_SECONDS = 10.0
"""Reading all processes costs up to 17 us each: ten seconds keep that below 0.4 % of a core at 2,000."""

_BACKOFF_SECONDS = 1.0
"""A process that something else killed comes back, but one that cannot live does not become a fork bomb."""

_START, _END = 0, 1


def run() -> int:
    """Serve one load run."""
    signals = wake.on_signals()
    protocol.hello("load")
    requests = protocol.Lines(_STDIN)
    first = _first(requests, signals)
    if first is None:
        return 0
    start = read_start(first)
    population = Population(start)
    reason, failure = "failed", ""
    try:
        population.prepare()
        reason = _Load(start, population, requests, signals).run()
    except BrokenPipeError:
        reason = "eof"
    except OSError as error:
        hint = " (is the folder mounted noexec?)" if isinstance(error, PermissionError) else ""
        failure = f"{type(error).__name__}: {error}{hint}"
    finally:
        population.stop()
    return _farewell(population, reason, failure)


class _Load:
    """The loop: starts, ends, restarts and status lines, each at its time on one monotonic clock."""

    def __init__(self, start: Start, population: Population, requests: protocol.Lines, signals: int) -> None:
        self._children = start.children
        self._population = population
        self._requests = requests
        self._signals = signals
        self._began = time.monotonic()
        self._deadline = self._began + start.deadline_seconds
        # (due, what, index, pid): ends name the process they mean, for it may have died and been replaced.
        self._agenda: list[tuple[float, int, int, int]] = [
            (0.0, _START, i, 0) for i in range(len(start.children))
        ]
        self._ends_at = [self._began + child.first_end_seconds for child in start.children]
        self._restarts_due: dict[int, float] = {}
        self._lateness: deque[float] = deque(maxlen=1000)
        self._restarts = 0
        self._died = 0
        self._is_ready = False
        self._reason = ""
        self._status_at = self._began + _STATUS_SECONDS
        self._usage_at = math.inf
        self._usage: tuple[float, float, int] | None = None
        self._cores: float | None = None

    def run(self) -> str:
        """Until the end; returns why it came: stop, eof, signal or deadline."""
        self._serve(self._requests.take_backlog())
        while not self._reason:
            self._work()
            self._replace_ended()
            self._tell()
            self._listen()
        return self._reason

    def _work(self) -> None:
        """What is due, at most a batch of it."""
        for _ in range(_BATCH):
            if not self._agenda or self._agenda[0][0] > time.monotonic():
                return
            due, what, index, pid = heapq.heappop(self._agenda)
            if what == _START:
                self._spawn(index)
            elif pid in self._population.alive:
                self._restarts_due[index] = due
                self._population.end(pid)

    def _spawn(self, index: int) -> None:
        pid = self._population.spawn(index)
        due = self._restarts_due.pop(index, None)
        if due is not None:
            self._restarts += 1
            self._lateness.append(time.monotonic() - due)
            self._ends_at[index] = _next(self._ends_at[index], self._children[index].lifetime_seconds)
        if self._children[index].lifetime_seconds:
            self._note(self._ends_at[index], _END, index, pid)

    def _note(self, due: float, what: int, index: int, pid: int = 0) -> None:
        heapq.heappush(self._agenda, (due, what, index, pid))

    def _replace_ended(self) -> None:
        for index in self._population.reap():
            if index in self._restarts_due:
                self._spawn(index)
            else:
                self._died += 1
                self._note(time.monotonic() + _BACKOFF_SECONDS, _START, index)

    def _tell(self) -> None:
        now = time.monotonic()
        requested, achieved = len(self._children), len(self._population.alive)
        if not self._is_ready and achieved == requested:
            self._is_ready = True
            self._measure(now)
            elapsed = round(now - self._began, 3)
            protocol.emit("ready", requested=requested, achieved=achieved, elapsed_s=elapsed)
        if now >= self._usage_at:
            self._measure(now)
        if now >= self._status_at:
            self._status_at += _STATUS_SECONDS * math.ceil((now - self._status_at) / _STATUS_SECONDS or 1)
            protocol.emit_if_ready("status", **self._status(requested, achieved))

    def _status(self, requested: int, achieved: int) -> dict[str, Any]:
        population = self._population
        return {
            "requested": requested,
            "achieved": achieved,
            "spawned_total": population.spawned,
            "exited_total": population.exited,
            "restarts": self._restarts,
            "died_total": self._died,
            "lateness_p99_s": _p99(self._lateness),
            "cpu_cores": self._cores,
            "rss_bytes": self._usage[2] if self._usage else None,
            "agent_cpu_s": round(time.process_time(), 3),
        }

    def _measure(self, now: float) -> None:
        before = self._usage
        cpu, resident = self._population.usage()
        self._usage = now, cpu, resident
        self._usage_at = now + _USAGE_SECONDS
        if before is not None:
            self._cores = round((cpu - before[1]) / (now - before[0]), 4)

    def _listen(self) -> None:
        """Wait for the next thing to do; notice requests, signals and the deadline."""
        due = min(self._status_at, self._deadline, self._agenda[0][0] if self._agenda else math.inf)
        patience = max(0.0, due - time.monotonic())
        readable, _, _ = select.select([_STDIN, self._signals], [], [], patience)
        if time.monotonic() >= self._deadline:
            self._reason = "deadline"
        if self._signals in readable and wake.is_told_to_end(self._signals):
            self._reason = "signal"
        if _STDIN in readable:
            self._serve(self._requests.read())

    def _serve(self, requests: list[dict[str, Any]]) -> None:
        for request in requests:
            if request.get("type") != "stop":
                raise protocol.RefusedError("bad_request", f"load knows stop, not {request.get('type')!r}")
            self._reason = "stop"
        if self._requests.eof:
            self._reason = "eof"


def _first(requests: protocol.Lines, signals: int) -> dict[str, Any] | None:
    """The start request; None if the other side left or we were told to end before it came."""
    while not requests.eof:
        readable, _, _ = select.select([_STDIN, signals], [], [])
        if signals in readable and wake.is_told_to_end(signals):
            return None
        request = requests.read_first() if _STDIN in readable else None
        if request is not None:
            return request
    return None


def _farewell(population: Population, reason: str, failure: str) -> int:
    left = population.left()
    try:
        if failure:
            protocol.emit("error", code="load_failed", message=failure)
        protocol.emit(
            "stopped", reason=reason, left=len(left), left_pids=left, spawned_total=population.spawned
        )
    except OSError:
        pass  # nobody listens any more, and the work is done
    return protocol.EXIT_FAILED if failure or left else 0


def _next(due: float, lifetime: float) -> float:
    """The next end: counted from the last due time, so that lateness does not add up, but never in the past."""
    missed = max(0.0, time.monotonic() - due) // lifetime
    return due + lifetime * (1 + missed)


def _p99(values: deque[float]) -> float | None:
    if not values:
        return None
    return round(sorted(values)[math.ceil(0.99 * len(values)) - 1], 4)
