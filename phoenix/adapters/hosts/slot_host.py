"""A machine as a host: slots for collectors, a lease, revisions, an active pipeline."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from phoenix.adapters.hosts.agents import Agents
from phoenix.adapters.hosts.binary import referenced_environment
from phoenix.adapters.hosts.collectors import CollectorHouse, Collectors
from phoenix.adapters.hosts.configs import Configs
from phoenix.adapters.hosts.detached import DetachedSupervisor
from phoenix.adapters.hosts.drafts import Drafts
from phoenix.adapters.hosts.fetching import Fetcher
from phoenix.adapters.hosts.leases import LeaseFile
from phoenix.adapters.hosts.marks import HostMarks, check_owner, check_place, revision_number
from phoenix.adapters.hosts.once import Once
from phoenix.adapters.hosts.places import Places
from phoenix.adapters.hosts.revisions import Revisions
from phoenix.adapters.hosts.sweep import Sweep
from phoenix.adapters.hosts.systemd import SystemdSupervisor
from phoenix.adapters.hosts.trouble import host_trouble
from phoenix.adapters.hosts.variables import Given, Variables
from phoenix.adapters.machines.machine import Facts, Machine
from phoenix.adapters.ports import CensusSession, CollectorLaunch, Lease, LoadSession, RunningCollector
from phoenix.domain.errors import SpecError, StateError

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Programs:
    """What has to be on the machine; each is brought there when it is asked for.

    Attributes:
        collector: Says where the collector is.
        agent: Gives Python and the agent's file; DependencyError where the machine has no Python.
    """

    collector: Callable[[], Path]
    agent: Callable[[], Sequence[str]]


def _verb(
    body: Callable[Concatenate["SlotHost", _P], _R],
) -> Callable[Concatenate["SlotHost", _P], _R]:
    """What the operating system refuses is the host's failure, not ours."""

    @wraps(body)
    def translated(self: "SlotHost", *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with host_trouble(self.name):
            return body(self, *args, **kwargs)

    return translated


class SlotHost:
    """A `Host` with its slots in a folder of a machine.

    Args:
        name: For people and for the ledger.
        machine: Where it is.
        folder: Says where it is, once the machine was asked; made on first use. Hosts of different folders have nothing in common.
        programs: The collector and the agent, on that machine.
        given: See `Variables`.
    """

    def __init__(
        self,
        name: str,
        machine: Machine,
        folder: Callable[[], Path],
        programs: Programs,
        given: Given = referenced_environment,
    ) -> None:
        self._name = name
        self._machine = machine
        self._programs = programs
        self._given = given
        self._fetcher = Fetcher(machine.reach, machine.leave)

        self._marks = Once(lambda: HostMarks(name, folder()))
        self._agents = Once(lambda: Agents(machine, self._marks(), programs.agent))
        self._house = Once(self._furnished)
        self._collectors = Once(lambda: Collectors(self._house()))
        self._sweep = Once(lambda: Sweep(self._house(), self._agents(), self._collectors()))

    def _furnished(self) -> CollectorHouse:
        """Made on first use: only the machine itself says what it is."""
        machine, marks = self._machine, self._marks()
        folder = marks.folder
        places = Places(machine, folder / "places")
        variables = Variables(machine, marks, places, self._given)
        has_systemd = machine.facts().has_systemd
        return CollectorHouse(
            machine=machine,
            marks=marks,
            binary=self._programs.collector,
            places=places,
            configs=Configs(folder / "configs", is_shared=has_systemd),
            drafts=Drafts(machine, folder / "checks", variables),
            variables=variables,
            revisions=Revisions(machine, folder),
            leases=LeaseFile(machine, self._name, folder),
            fetcher=self._fetcher,
            supervisor=SystemdSupervisor(machine, folder)
            if has_systemd
            else DetachedSupervisor(machine, places),
        )

    @property
    def name(self) -> str:
        return self._name

    @_verb
    def facts(self) -> Facts:
        return self._machine.facts()

    @_verb
    def notices(self) -> tuple[str, ...]:
        facts = self._machine.facts()
        found: list[str] = []
        if not facts.has_systemd:
            found.append(
                "no systemd that we may ask: after a reboot the pipeline serves again with the next `phoenix recover`"
            )
        if not facts.python:
            found.append("no Python 3.9 or newer: no census and no load there, so no experiment")
        return tuple(found)

    @_verb
    def acquire(self, holder: str, lifetime: timedelta) -> Lease:
        return self._house().leases.acquire(check_owner(holder), lifetime)

    @_verb
    def renew(self, lease: Lease, lifetime: timedelta) -> None:
        self._house().leases.renew(lease, lifetime)

    @_verb
    def release(self, holder: str) -> None:
        self._house().leases.release(holder)

    @_verb
    def lease(self) -> Lease | None:
        return self._house().leases.current()

    @_verb
    def start_collector(self, place: str, launch: CollectorLaunch, lease: Lease) -> RunningCollector:
        check_owner(launch.owner)
        return self._collectors().start(check_place(place), launch, lease).running()

    @_verb
    def revive(self, place: str, lease: Lease) -> RunningCollector:
        return self._collectors().revive(check_place(place), lease).running()

    @_verb
    def collector(self, place: str) -> RunningCollector | None:
        standing = self._collectors().look(check_place(place))
        return standing.record.running() if standing else None

    @_verb
    def config(self, place: str) -> str:
        record = self._house().places.read(check_place(place))
        text = self._machine.read(self._house().configs.path(record.digest)) if record else None
        if text is None:
            raise StateError(f"nothing was started in {place} of {self._name}", code="nothing_there")
        return text

    @_verb
    def exit_reason(self, place: str) -> str | None:
        return self._collectors().exit_reason(check_place(place))

    @_verb
    def stop_collector(self, place: str) -> str:
        return self._collectors().stop(check_place(place))

    @_verb
    def retire(self, place: str) -> None:
        self._collectors().retire(check_place(place))

    @_verb
    def active(self) -> RunningCollector | None:
        while (place := self._house().revisions.active()) is not None:
            standing = self._collectors().look(place)
            # Without a record the link may have moved on since it was read, and its old place been removed.
            if standing or self._house().revisions.active() == place:
                return standing.record.running() if standing else None
        return None

    @_verb
    def revisions(self) -> tuple[RunningCollector, ...]:
        kept = {revision_number(record.place): record for record in self._house().places.records()}
        return tuple(
            kept[number].running() for number in sorted(number for number in kept if number is not None)
        )

    @_verb
    def next_revision(self) -> int:
        return self._house().revisions.following()

    @_verb
    def activate(self, place: str | None, lease: Lease) -> None:
        if place is not None and revision_number(check_place(place)) is None:
            raise SpecError(f"{place} cannot be active", code="invalid_place", hint="only revision-N can")
        with self._machine.locked(self._marks().folder):
            self._house().leases.check(lease)
            if place is None:
                self._house().revisions.activate(None)
                self._house().supervisor.rest_after_boot()
            else:
                self._switch_to(place)

    def _switch_to(self, place: str) -> None:
        """The link moves last; what it leaves is production's history before that, at whichever moment we die."""
        house = self._house()
        record = house.places.read(place)
        if record is None:
            raise StateError(f"nothing was started in {place} of {self._name}", code="nothing_there")
        house.supervisor.serve_after_boot()
        active = house.revisions.active()
        before = house.places.read(active) if active and active != place else None
        changed = [replace(record, retired=False)] if record.retired else []
        if before and not before.retired:
            changed.append(replace(before, retired=True))
        self._machine.change([house.places.text(one) for one in changed])
        house.revisions.activate(place)

    def open_census(self, owner: str, lifetime: timedelta) -> AbstractContextManager[CensusSession]:
        return self._agents().census(check_owner(owner), lifetime)

    def start_load(
        self, owner: str, request: Mapping[str, object], lifetime: timedelta
    ) -> AbstractContextManager[LoadSession]:
        return self._agents().load(check_owner(owner), request, lifetime)

    def fetch(self, url: str, timeout: timedelta) -> bytes:
        return self._fetcher.get(url, timeout)

    @_verb
    def leftovers(self, owner: str) -> tuple[str, ...]:
        return self._sweep().leftovers(check_owner(owner))

    @_verb
    def clear(self, owner: str) -> None:
        self._sweep().clear(check_owner(owner))
