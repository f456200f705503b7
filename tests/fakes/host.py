"""A `Host` in memory, held to the contract suite of the real one (tests/contracts/test_host.py)."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from itertools import count
from threading import RLock
from typing import cast

from phoenix.adapters.hosts.marks import check_owner, check_place, revision_number
from phoenix.adapters.machines.machine import Facts
from phoenix.adapters.ports import (
    CollectorLaunch,
    Host,
    Lease,
    RunningCollector,
)
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.load.run import LoadStatus
from phoenix.domain.processes import Census, Process

Answer = Callable[[RunningCollector, str], bytes]
"""The body for a collector; the second argument is `metrics` or `telemetry`."""


@dataclass
class _Standing:
    running: RunningCollector
    config: str
    death: str | None = None
    retired: bool = False


class FakeHost(Host):
    """A machine that does what it is told.

    Attributes:
        refusals: By place, what the next starts there raise.
        answers: What collectors answer; gives the pid by default.
        population: What the census shows beside the collectors, replaceable at any time.
        load_status: What a load achieves; None for all that was asked for.
        deeds: Verbs that changed the host, with their place, in order.
    """

    def __init__(self, name: str = "local", *, now: Callable[[], float] = time.time) -> None:
        self._name = name
        self._now = now
        self._lock = RLock()
        self._pids = count(1000)
        self._places: dict[str, _Standing] = {}
        self._active: str | None = None
        self._revision = 0
        self._fence = 0
        self._lease: tuple[Lease, float] | None = None
        self._sessions: list[tuple[str, str]] = []
        self.refusals: dict[str, PhoenixError] = {}
        self.answers: Answer = lambda running, _kind: str(running.pid).encode()
        self.population: Callable[[], Mapping[int, Process]] = dict
        self.load_status: LoadStatus | None = None
        self.deeds: list[str] = []

    @property
    def name(self) -> str:
        return self._name

    def facts(self) -> Facts:
        return Facts("x86_64", is_root=True, has_systemd=True, python="/usr/bin/python3", home="/root")

    def notices(self) -> tuple[str, ...]:
        return ()

    def kill(self, place: str, why: str = "was killed by SIGKILL") -> None:
        """Let the collector of `place` die."""
        self._places[place].death = f"the collector in {place} {why}"

    def restart(self, place: str) -> None:
        """Let the collector of `place` die and its supervisor start it again at once."""
        standing = self._places[place]
        standing.running = replace(standing.running, pid=next(self._pids))

    def acquire(self, holder: str, lifetime: timedelta) -> Lease:
        with self._lock:
            check_owner(holder)
            held = self.lease()
            if held is not None and held.holder != holder:
                raise StateError(
                    f"{self._name} is held by {held.holder}",
                    code="host_taken",
                    details={"holder": held.holder},
                )
            if held is None:
                self._fence += 1
            return self._grant(held or Lease(self._name, holder, self._fence), lifetime)

    def renew(self, lease: Lease, lifetime: timedelta) -> None:
        with self._lock:
            if self._lease is None or self._lease[0] != lease:
                raise self._outdated(lease)
            self._grant(lease, lifetime)

    def release(self, holder: str) -> None:
        with self._lock:
            if self._lease is not None and self._lease[0].holder == holder:
                self._lease = None

    def lease(self) -> Lease | None:
        with self._lock:
            return self._lease[0] if self._lease and self._now() < self._lease[1] else None

    def start_collector(self, place: str, launch: CollectorLaunch, lease: Lease) -> RunningCollector:
        with self._lock:
            check_owner(launch.owner)
            check_place(place)
            if launch.lifetime is None and revision_number(place) is None:
                raise SpecError(f"a collector in {place} must have a lifetime", code="no_deadline")
            self._demand(lease)
            digest = sha256(launch.config.encode()).hexdigest()
            present = self._places.get(place)
            same = present and (present.running.owner, present.running.digest) == (launch.owner, digest)
            if present and same and present.death is None:
                return present.running
            if "no_such_receiver" in launch.config or not launch.config.strip():
                raise SpecError("the collector refuses the configuration", code="config_refused")
            self.deeds.append(f"start {place}")
            if place in self.refusals:
                if place != self._active:
                    self._places.pop(place, None)
                raise self.refusals[place]
            self._revision = max(self._revision, revision_number(place) or 0)
            running = self._running(place, launch, digest)
            self._places[place] = _Standing(running, launch.config)
            return running

    def collector(self, place: str) -> RunningCollector | None:
        standing = self._places.get(check_place(place))
        return standing.running if standing else None

    def config(self, place: str) -> str:
        standing = self._places.get(check_place(place))
        if standing is None:
            raise StateError(f"nothing was started in {place} of {self._name}", code="nothing_there")
        return standing.config

    def exit_reason(self, place: str) -> str | None:
        standing = self._places.get(check_place(place))
        return standing.death if standing else f"nothing was started in {place}"

    def stop_collector(self, place: str) -> str:
        with self._lock:
            if self._places.pop(check_place(place), None) is None:
                return ""
            self.deeds.append(f"stop {place}")
            return "Shutdown complete."

    def revive(self, place: str, lease: Lease) -> RunningCollector:
        with self._lock:
            self._demand(lease)
            standing = self._places.get(check_place(place))
            if standing is None:
                raise StateError(f"nothing to start again is kept in {place}", code="nothing_there")
            if standing.death is not None:
                self.deeds.append(f"revive {place}")
                standing.death = None
            return standing.running

    def retire(self, place: str) -> None:
        with self._lock:
            standing = self._places.get(check_place(place))
            if standing is not None and not (standing.retired and standing.death):
                self.deeds.append(f"retire {place}")
                standing.death, standing.retired = f"the collector in {place} was replaced", True

    def active(self) -> RunningCollector | None:
        return self.collector(self._active) if self._active else None

    def revisions(self) -> tuple[RunningCollector, ...]:
        kept = [one.running for place, one in self._places.items() if revision_number(place) is not None]
        return tuple(sorted(kept, key=lambda one: revision_number(one.place) or 0))

    def next_revision(self) -> int:
        return self._revision + 1

    def activate(self, place: str | None, lease: Lease) -> None:
        with self._lock:
            if place is not None and revision_number(check_place(place)) is None:
                raise SpecError(f"{place} cannot be active", code="invalid_place")
            self._demand(lease)
            if place is not None and place not in self._places:
                raise StateError(f"nothing was started in {place}", code="nothing_there")
            if place is not None and self._active not in (None, place):
                self._places[self._active].retired = True
            if place is not None:
                self._places[place].retired = False
            self._active = place
            self.deeds.append(f"activate {place}")

    @contextmanager
    def open_census(self, owner: str, lifetime: timedelta) -> Generator["_FakeCensus"]:  # noqa: ARG002
        with self._session(check_owner(owner), "census"):
            yield _FakeCensus(self._table)

    @contextmanager
    def start_load(
        self,
        owner: str,
        request: Mapping[str, object],
        lifetime: timedelta,  # noqa: ARG002
    ) -> Generator["_FakeLoad"]:
        patterns = cast("Sequence[Mapping[str, int]]", request["patterns"])
        requested = sum(pattern.get("count", 0) for pattern in patterns)
        with self._session(check_owner(owner), "load"):
            yield _FakeLoad(lambda: self.load_status or LoadStatus(requested, requested, requested))

    def fetch(self, url: str, timeout: timedelta) -> bytes:  # noqa: ARG002
        with self._lock:
            for standing in self._places.values():
                urls = {standing.running.metrics_url: "metrics", standing.running.telemetry_url: "telemetry"}
                if url in urls and standing.death is None:
                    return self.answers(standing.running, urls[url])
        raise DependencyError(f"{url} does not answer", code="unreachable")

    def leftovers(self, owner: str) -> tuple[str, ...]:
        with self._lock:
            lease = [f"lease on {self._name}"] if self._lease and self._lease[0].holder == owner else []
            sessions = [f"process of {kind}" for who, kind in self._sessions if who == owner]
            return (*(f"place {place}" for place in self._places_of(owner)), *sessions, *lease)

    def clear(self, owner: str) -> None:
        with self._lock:
            for place in self._places_of(owner):
                if self._places[place].retired:
                    self.retire(place)
                else:
                    self.stop_collector(place)
            self._sessions = [one for one in self._sessions if one[0] != owner]
            self.release(owner)

    def _places_of(self, owner: str) -> list[str]:
        """What goes with `owner`; what served before is production's history, and only what still runs of it is ended."""
        return [
            place
            for place, standing in self._places.items()
            if standing.running.owner == owner
            and place != self._active
            and not (standing.retired and standing.death)
        ]

    def _running(self, place: str, launch: CollectorLaunch, digest: str) -> RunningCollector:
        pid = next(self._pids)
        return RunningCollector(
            place=place,
            pid=pid,
            pipeline=launch.pipeline,
            version=launch.version,
            digest=digest,
            owner=launch.owner,
            metrics_url=f"http://127.0.0.1:{pid}/{self._name}/metrics",
            telemetry_url=f"http://127.0.0.1:{pid}/{self._name}/telemetry",
        )

    def _table(self) -> Mapping[int, Process]:
        living = [one.running.pid for one in self._places.values() if one.death is None]
        collectors = {pid: Process(pid, pid, "otelcol-phoenix", 0.1, 50_000_000) for pid in living}
        return {**collectors, **self.population()}

    def _demand(self, lease: Lease) -> None:
        if self.lease() != lease:
            raise self._outdated(lease)

    def _outdated(self, lease: Lease) -> StateError:
        return StateError(f"the lease of {lease.holder} is outdated", code="lease_outdated")

    def _grant(self, lease: Lease, lifetime: timedelta) -> Lease:
        self._lease = lease, self._now() + lifetime.total_seconds()
        return lease

    @contextmanager
    def _session(self, owner: str, kind: str) -> Generator[None]:
        self._sessions.append((owner, kind))
        try:
            yield
        finally:
            if (owner, kind) in self._sessions:
                self._sessions.remove((owner, kind))


class _FakeCensus:
    def __init__(self, table: Callable[[], Mapping[int, Process]]) -> None:
        self._table = table

    def take(self, collectors: Sequence[int], timeout: timedelta) -> Census:  # noqa: ARG002
        return Census(
            at_seconds=time.monotonic(),
            wall_seconds=time.time(),
            boot_seconds=0.0,
            ticks_per_second=100,
            processes=self._table(),
            throttled_periods=dict.fromkeys(collectors, 0),
        )


class _FakeLoad:
    def __init__(self, status: Callable[[], LoadStatus]) -> None:
        self.status = status
