"""This machine as a host."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from phoenix.adapters.hosts import durable
from phoenix.adapters.hosts.agents import Agents
from phoenix.adapters.hosts.collectors import CollectorHouse, Collectors
from phoenix.adapters.hosts.configs import Configs
from phoenix.adapters.hosts.detached import DetachedSupervisor
from phoenix.adapters.hosts.fetching import Fetcher
from phoenix.adapters.hosts.leases import LeaseFile
from phoenix.adapters.hosts.marks import HostMarks, check_host, check_owner, check_place, revision_number
from phoenix.adapters.hosts.places import Places
from phoenix.adapters.hosts.process_table import Row
from phoenix.adapters.hosts.revisions import Revisions
from phoenix.adapters.hosts.sweep import Sweep, marked
from phoenix.adapters.hosts.trouble import host_trouble
from phoenix.adapters.ports import CensusSession, CollectorLaunch, Lease, LoadSession, RunningCollector
from phoenix.domain.errors import SpecError, StateError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _verb(
    body: Callable[Concatenate["LocalHost", _P], _R],
) -> Callable[Concatenate["LocalHost", _P], _R]:
    """What the operating system refuses is the host's failure, not ours."""

    @wraps(body)
    def translated(self: "LocalHost", *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with host_trouble(self.name):
            return body(self, *args, **kwargs)

    return translated


class LocalHost:
    """A `Host` with its slots in a folder of this machine.

    Args:
        name: `local` or `local://NAME`; hosts of different folders have nothing in common.
        folder: Made on first use, mode 0700.
        binary: The collector, or what finds it: a host can be cleared though the collector is gone.
        agent: The agent's file.
        python: What runs the agent.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        binary: Path | Callable[[], Path],
        agent: Path,
        python: str = sys.executable,
    ) -> None:
        self._name = check_host(name)
        # Resolved: the folder marks our processes, and must read the same from every working directory.
        self._folder = folder.resolve()
        self._marks = HostMarks(self._name, self._folder)
        self._fetcher = Fetcher()
        self._house = CollectorHouse(
            marks=self._marks,
            binary=binary if callable(binary) else lambda: binary,
            places=Places(self._folder / "places"),
            configs=Configs(self._folder / "configs"),
            revisions=Revisions(self._folder),
            leases=LeaseFile(self._name, self._folder),
            fetcher=self._fetcher,
            supervisor=DetachedSupervisor(),
        )
        self._collectors = Collectors(self._house, _plain_environ)
        self._agents = Agents(self._marks, [python, "-IS", str(agent.resolve())], _plain_environ, self._find)
        self._sweep = Sweep(
            marks=self._marks,
            places=self._house.places,
            configs=self._house.configs,
            revisions=self._house.revisions,
            leases=self._house.leases,
            agents=self._agents,
            collectors=self._collectors,
        )

    @property
    def name(self) -> str:
        return self._name

    @_verb
    def acquire(self, holder: str, lifetime: timedelta) -> Lease:
        return self._house.leases.acquire(check_owner(holder), lifetime)

    @_verb
    def renew(self, lease: Lease, lifetime: timedelta) -> None:
        self._house.leases.renew(lease, lifetime)

    @_verb
    def release(self, holder: str) -> None:
        self._house.leases.release(holder)

    @_verb
    def lease(self) -> Lease | None:
        return self._house.leases.current()

    @_verb
    def start_collector(self, place: str, launch: CollectorLaunch, lease: Lease) -> RunningCollector:
        check_owner(launch.owner)
        return self._collectors.start(check_place(place), launch, lease).running()

    @_verb
    def collector(self, place: str) -> RunningCollector | None:
        record = self._house.places.read(check_place(place))
        return record.running() if record else None

    @_verb
    def config(self, place: str) -> str:
        record = self._house.places.read(check_place(place))
        text = durable.read(self._house.configs.path(record.digest)) if record else None
        if text is None:
            raise StateError(f"nothing was started in {place} of {self._name}", code="nothing_there")
        return text

    @_verb
    def exit_reason(self, place: str) -> str | None:
        return self._collectors.exit_reason(check_place(place))

    @_verb
    def stop_collector(self, place: str) -> str:
        return self._collectors.stop(check_place(place))

    @_verb
    def active(self) -> RunningCollector | None:
        while (place := self._house.revisions.active()) is not None:
            record = self._house.places.read(place)
            # Without a record the link may have moved on since it was read, and its old place been removed.
            if record or self._house.revisions.active() == place:
                return record.running() if record else None
        return None

    @_verb
    def next_revision(self) -> int:
        return self._house.revisions.following()

    @_verb
    def activate(self, place: str | None, lease: Lease) -> None:
        if place is not None and revision_number(check_place(place)) is None:
            raise SpecError(f"{place} cannot be active", code="invalid_place", hint="only revision-N can")
        with durable.locked(self._folder):
            self._house.leases.check(lease)
            if place is not None and self._house.places.read(place) is None:
                raise StateError(f"nothing was started in {place} of {self._name}", code="nothing_there")
            self._house.revisions.activate(place)

    def open_census(self, owner: str, lifetime: timedelta) -> AbstractContextManager[CensusSession]:
        return self._agents.census(check_owner(owner), lifetime)

    def start_load(
        self, owner: str, patterns: Sequence[Mapping[str, object]], seed: int, lifetime: timedelta
    ) -> AbstractContextManager[LoadSession]:
        return self._agents.load(check_owner(owner), patterns, seed, lifetime)

    def fetch(self, url: str, timeout: timedelta) -> bytes:
        return self._fetcher.get(url, timeout)

    @_verb
    def leftovers(self, owner: str) -> tuple[str, ...]:
        return self._sweep.leftovers(check_owner(owner))

    @_verb
    def clear(self, owner: str) -> None:
        self._sweep.clear(check_owner(owner))

    def _find(self, owner: str, place: str) -> list[Row]:
        return [one for one, where in marked(self._marks, owner) if where == place]


def _plain_environ() -> dict[str, str]:
    """Nothing of ours but the path: no secret, no setting of ours changes what a collector does."""
    return {"PATH": os.environ.get("PATH", os.defpath)}
