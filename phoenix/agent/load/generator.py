"""Keeps a population of simulated processes up until it is told to stop, or its control plane is gone.

One loop on one monotonic clock: starts and ends at their time, what was killed replaced, a status line each second.
"""

from __future__ import annotations

import heapq
import math
import select
import socket
import time
from collections import deque
from typing import Any, NamedTuple, Optional

from phoenix.agent import protocol, wake
from phoenix.agent.load.exposition import Endpoint
from phoenix.agent.load.population import Population
from phoenix.agent.load.request import OWN_PROCESSES, Child, Start, arrivals, turns
from phoenix.agent.load.usage import Usage

STDIN = 0
_BATCH = 64
"""Starts between two looks at stdin and signals: some 15 ms."""

_STATUS_SECONDS = 1.0
_RATE_SECONDS = 10
_LONGEST_BACKLOG_SECONDS = 1.0
"""A host that cannot keep up for longer shifts the schedule: it must not get hundreds of starts at once afterwards."""

_FULL_SECONDS = 0.01
"""Where the cap is reached a short-lived process waits so long before it tries again."""

_BACKOFF_SECONDS = 1.0
"""A process that something else killed comes back, but one that cannot live does not become a fork bomb."""


class _Due(NamedTuple):
    """What to do with a standing process, or with a process that must end: `pid` says which one is meant."""

    at: float
    what: int
    number: int
    pid: int = 0


_TURN_ON, _TURN_OFF, _START, _END = range(4)


class Surroundings(NamedTuple):
    """What the guard has found and made for the generator.

    Attributes:
        signals: See `wake`.
        lifeline: A pipe that ends with the guard.
        process_table: Where our PIDs are shown; None where nothing shows them.
        listener: For the metrics.
        contained_by: What ends the processes with us.
        capped: What the kernel limits.
    """

    signals: int
    lifeline: int
    process_table: Optional[str]
    listener: Optional[socket.socket]
    contained_by: str
    capped: tuple[str, ...]


class Generator:
    """The loop.

    Attributes:
        reason: Why it ended: `stop`, `eof`, `silence`, `signal` or `deadline`; "" while it runs.
    """

    def __init__(
        self, start: Start, population: Population, requests: protocol.Lines, around: Surroundings
    ) -> None:
        self.reason = ""
        self._start = start
        self._population = population
        self._requests = requests
        self._around = around
        self._began = self._heard = time.monotonic()
        self._agenda = [
            _Due(self._began + turn.seconds, _TURN_ON if turn.is_wanted else _TURN_OFF, turn.number)
            for turn in turns(start)
        ]
        heapq.heapify(self._agenda)
        self._wanted = [False] * len(start.children)
        self._pids: dict[int, int] = {}
        self._requested = 0
        self._arrivals = arrivals(start)
        self._churn_shift = self._began
        self._arrival: Optional[tuple[float, Child]] = next(self._arrivals, None)
        self._churned = 0
        self._churn_marks: deque[tuple[float, int]] = deque(maxlen=_RATE_SECONDS + 1)
        self._ends_at: dict[int, float] = {}
        self._restarts_due: dict[int, float] = {}
        self._lateness: deque[float] = deque(maxlen=2000)
        self._restarts = 0
        self._died = 0
        self._is_ready = False
        self._status_at = self._began + _STATUS_SECONDS
        self._usage = Usage(around.process_table, self._began + _STATUS_SECONDS)
        self._endpoint = Endpoint(around.listener, self.status)

    def run(self) -> None:
        """Until the end."""
        self._churn_marks.append((self._began, 0))
        self._serve(self._requests.take_backlog())
        while not self.reason:
            self._work()
            self._replace_ended()
            self._tell()
            self._listen()

    def status(self) -> dict[str, Any]:
        """Requested against achieved, as the status message holds it."""
        population = self._population
        return {
            "requested": self._requested,
            "achieved": population.standing,
            "active": len(population.alive),
            "requested_rate": self._rate_now(),
            "achieved_rate": self._rate(),
            "spawned_total": population.spawned,
            "exited_total": population.exited,
            "restarts": self._restarts,
            "died_total": self._died,
            "lateness_p50_s": _quantile(self._lateness, 0.5),
            "lateness_p99_s": _quantile(self._lateness, 0.99),
            "cpu_cores": self._usage.cores,
            "rss_bytes": self._usage.resident,
            "agent_cpu_s": round(time.process_time(), 3),
            "elapsed_s": round(time.monotonic() - self._began, 3),
        }

    def _work(self) -> None:
        """What is due, at most a batch of it: whoever was due first."""
        for _ in range(_BATCH):
            now = time.monotonic()
            arrives_at = self._arrives_at()
            first = self._agenda[0].at if self._agenda else math.inf
            if min(first, arrives_at) > now:
                return
            if arrives_at <= first:
                self._churn(now, arrives_at)
            else:
                self._do(heapq.heappop(self._agenda))

    def _do(self, due: _Due) -> None:
        if due.what == _TURN_ON:
            self._want(due.number, True)
            self._spawn(due.number)
        elif due.what == _TURN_OFF:
            self._want(due.number, False)
            self._population.end(self._pids.get(due.number, 0))
        elif due.what == _START:
            if self._wanted[due.number] and due.number not in self._pids:
                self._spawn(due.number)
        else:
            self._end_old(due)

    def _want(self, index: int, is_wanted: bool) -> None:
        """One that ended for good is not wanted already when the ramp turns it off."""
        self._requested += is_wanted - self._wanted[index]
        self._wanted[index] = is_wanted

    def _end_old(self, due: _Due) -> None:
        member = self._population.alive.get(due.pid)
        if member is None or member.number != due.number:
            return  # it ended before its time, and its PID may be another's now
        if due.number >= 0:
            self._restarts_due[due.number] = due.at
        self._population.end(due.pid)

    def _spawn(self, index: int) -> None:
        child = self._start.children[index]
        pid = self._pids[index] = self._population.spawn(child, index)
        now = time.monotonic()
        due = self._restarts_due.pop(index, None)
        if due is None:
            self._ends_at[index] = now + child.first_end_seconds
        else:
            self._restarts += 1
            self._lateness.append(now - due)
            self._ends_at[index] = _next(self._ends_at[index], child.lifetime_seconds, now)
        if child.lifetime_seconds:
            heapq.heappush(self._agenda, _Due(self._ends_at[index], _END, index, pid))

    def _churn(self, now: float, due: float) -> None:
        """Start the short-lived process that is due."""
        if now - due > _LONGEST_BACKLOG_SECONDS:
            self._churn_shift += now - due - _LONGEST_BACKLOG_SECONDS
        limit = self._start.limits.processes
        if limit and len(self._population.alive) + OWN_PROCESSES >= limit:
            self._churn_shift += _FULL_SECONDS
            return
        _, child = self._arrival or (0.0, None)
        if child is not None:
            pid = self._population.spawn(child)
            began = time.monotonic()
            self._lateness.append(began - due)
            self._churned += 1
            heapq.heappush(self._agenda, _Due(began + child.lifetime_seconds, _END, -1, pid))
        self._arrival = next(self._arrivals, None)

    def _arrives_at(self) -> float:
        """When the next short-lived process is due; none before the standing ones stand."""
        if self._arrival is None or not self._is_ready:
            return math.inf
        return self._churn_shift + self._arrival[0]

    def _replace_ended(self) -> None:
        ended = self._population.reap()
        if self._population.refusal:
            raise self._population.refusal  # whoever came instead would end likewise
        for index, pid in ended:
            if self._pids.get(index) != pid:
                continue  # turned off and on again meanwhile: another stands for it
            del self._pids[index]
            is_old = index in self._restarts_due
            child = self._start.children[index]
            if not self._wanted[index]:
                self._restarts_due.pop(index, None)
            elif is_old and not child.restarts:
                self._restarts_due.pop(index, None)
                self._want(index, False)  # its time is over, and nobody shall take its place
            elif is_old:
                self._spawn(index)
            else:
                self._died += 1
                if child.restarts:
                    heapq.heappush(self._agenda, _Due(time.monotonic() + _BACKOFF_SECONDS, _START, index))

    def _tell(self) -> None:
        now = time.monotonic()
        if not self._is_ready and self._stands(now):
            self._is_ready = True
            self._churn_shift = now
            self._churn_marks.clear()
            self._churn_marks.append((now, 0))
            protocol.emit(
                "ready",
                contained_by=self._around.contained_by,
                capped=self._around.capped,
                metrics_url=self._endpoint.url,
                **self.status(),
            )
        if now >= self._usage.at and not self._usage.is_looking:
            self._usage.begin(now, self._population.alive, self._population.exited_cpu)
        if now >= self._status_at:
            self._status_at += _STATUS_SECONDS * math.ceil((now - self._status_at) / _STATUS_SECONDS or 1)
            self._churn_marks.append((now, self._churned))
            protocol.emit_if_ready("status", **self.status())

    def _stands(self, now: float) -> bool:
        """All that shall stand at the beginning does."""
        nothing_due = not self._agenda or self._agenda[0].what > _TURN_OFF or self._agenda[0].at > now
        return nothing_due and self._population.standing >= self._requested

    def _listen(self) -> None:
        """Wait for the next thing to do; notice requests, signals, silence and the deadline."""
        now = time.monotonic()
        due = min(self._status_at, self._usage.at, self._ending()[0], self._arrives_at())
        due = min(
            due, self._agenda[0].at if self._agenda else math.inf, self._endpoint.deadline() or math.inf
        )
        if self._usage.wants_turn(now, due - now):
            self._usage.go_on(now)
            due = now
        watched = [STDIN, self._around.signals, self._around.lifeline, *self._endpoint.waits_for()]
        readable, _, _ = select.select(watched, [], [], max(0.0, due - time.monotonic()))
        at, why = self._ending()
        if time.monotonic() >= at:
            self.reason = why
        if self._around.lifeline in readable:
            self.reason = "eof"
        if self._around.signals in readable and wake.is_told_to_end(self._around.signals):
            self.reason = "signal"
        if STDIN in readable:
            self._serve(self._requests.read())
        self._endpoint.serve(readable)

    def _ending(self) -> tuple[float, str]:
        """When it ends if nothing else happens, and why."""
        over = self._began + self._start.deadline_seconds, "deadline"
        if not self._start.silence_seconds:
            return over
        return min(over, (self._heard + self._start.silence_seconds, "silence"))

    def _serve(self, requests: list[dict[str, Any]]) -> None:
        for request in requests:
            self._heard = time.monotonic()
            if request.get("type") == "stop":
                self.reason = "stop"
            elif request.get("type") != "beat":
                raise protocol.RefusedError(
                    "bad_request", f"load knows stop and beat, not {request.get('type')!r}"
                )
        if self._requests.eof:
            self.reason = "eof"

    def _rate_now(self) -> float:
        """Short-lived processes that the ramp asks for now, 1/s."""
        elapsed, rate = time.monotonic() - self._began, self._start.churn.rate
        before = (0.0, self._start.ramp[0][1] if self._start.ramp else 1.0)
        for at, share in self._start.ramp:
            if at > elapsed:
                part = (elapsed - before[0]) / (at - before[0])
                return round(rate * (before[1] + part * (share - before[1])), 4)
            before = at, share
        return rate * before[1]

    def _rate(self) -> Optional[float]:
        """Short-lived processes started per second, over the last seconds."""
        (then, before), (now, after) = self._churn_marks[0], self._churn_marks[-1]
        return round((after - before) / (now - then), 3) if now > then else None


def _next(due: float, lifetime: float, now: float) -> float:
    """The next end: counted from the last due time, so that lateness does not add up, but never in the past."""
    missed = max(0.0, now - due) // lifetime
    return due + lifetime * (1 + missed)


def _quantile(values: "deque[float]", share: float) -> Optional[float]:
    if not values:
        return None
    return round(sorted(values)[math.ceil(share * len(values)) - 1], 6)
