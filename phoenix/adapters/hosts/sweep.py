"""What is left of an owner on a host, and its removal.

Production is never touched: neither the active revision, nor what served before it, whoever put it there. Only what
still runs of the latter is ended.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.hosts.agents import Agents
from phoenix.adapters.hosts.collectors import CollectorHouse, Collectors
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.marks import marked
from phoenix.adapters.hosts.places import PlaceRecord
from phoenix.adapters.hosts.supervisor import Kept
from phoenix.adapters.machines.durable import TEMPORARY
from phoenix.adapters.machines.machine import Row


@dataclass(frozen=True, slots=True)
class _Found:
    """A host as it is at one moment.

    Attributes:
        active: The place that serves.
        places: Every place, with its record if it has one that can be read.
        kept: What its supervisor keeps.
    """

    active: str | None
    places: Mapping[str, PlaceRecord | None]
    kept: Kept

    def put_by(self, owner: str) -> list[str]:
        """Places that go with `owner`."""
        return [name for name in self._of(owner) if not self._is_history(name)]

    def still_kept(self, owner: str) -> list[str]:
        """Places of production's history that nobody ended."""
        return [name for name in self._of(owner) if self._is_history(name) and name in self.kept.places]

    def ownerless(self) -> list[str]:
        """Places without a readable record: somebody died between making the folder and writing into it."""
        return [name for name, record in self.places.items() if record is None and name != self.active]

    def stray(self) -> list[str]:
        """What the supervisor keeps of places that are not there: somebody removed their folders."""
        return sorted(self.kept.places - self.places.keys() - {self.active})

    def boots_nothing(self) -> bool:
        return self.kept.boots and self.active is None

    def digests(self) -> list[str]:
        return [record.digest for record in self.places.values() if record]

    def _of(self, owner: str) -> list[str]:
        return [
            name
            for name, record in self.places.items()
            if record and record.owner == owner and name != self.active
        ]

    def _is_history(self, name: str) -> bool:
        record = self.places[name]
        return record is not None and record.retired


@dataclass(frozen=True, slots=True)
class Sweep:
    """The broom of one host."""

    house: CollectorHouse
    agents: Agents
    collectors: Collectors

    def leftovers(self, owner: str) -> tuple[str, ...]:
        """See `Host.leftovers`."""
        folder = self.house.marks.folder
        processes = [
            f"process {one.pid} ({one.name}) of {place}" for one, place in self._processes_of(owner).items()
        ]
        if not self.house.machine.exists(folder):
            return tuple(processes)
        # Under the lock, else what another owner is about to write looks like something that was left.
        with self.house.machine.locked(folder):
            found = self._find()
            return (*processes, *_place_words(owner, found), *self._file_words(owner, found))

    def clear(self, owner: str) -> None:
        """See `Host.clear`. The lease goes last: while anything is left, nobody else may start here."""
        machine, folder = self.house.machine, self.house.marks.folder
        if not machine.exists(folder):
            end_all(machine, lambda: list(self._processes_of(owner)))
            return
        found = self._find()
        for place in found.put_by(owner):
            self.collectors.stop(place, owner)
        for place in found.still_kept(owner):
            self.collectors.end(place, found.places[place])
        end_all(machine, lambda: list(self._processes_of(owner)))
        self.agents.remove_run(owner)
        with machine.locked(folder):
            self._clear_files(owner)

    def _clear_files(self, owner: str) -> None:
        house, found = self.house, self._find()
        for place in (*found.ownerless(), *found.stray()):
            house.supervisor.let_go(place)
        if found.boots_nothing():
            house.supervisor.rest_after_boot()
        gone = [path for place in found.ownerless() for path in house.places.files(place)]
        gone += [*self._left_files(owner, found).values(), *house.leases.held_by(owner)]
        house.machine.remove(*gone)

    def _find(self) -> _Found:
        house = self.house
        return _Found(house.revisions.active(), house.places.all(), house.supervisor.kept())

    def _file_words(self, owner: str, found: _Found) -> Iterator[str]:
        yield from self._left_files(owner, found)
        if self.house.leases.holder() == owner:
            yield f"lease on {self.house.marks.name}"

    def _left_files(self, owner: str, found: _Found) -> dict[str, Path]:
        """Files that go with `owner`, and what nobody needs, by what they are."""
        house = self.house
        folder, run = house.marks.folder, self.agents.run_folder(owner)
        folders = (folder, house.configs.folder, house.drafts.folder, run.parent)
        names, configs, drafts, runs = house.machine.names(*folders)
        half_written = [folder / name for name in names if name.endswith(TEMPORARY)]
        return {
            **{
                f"configuration {one.name}": one
                for one in house.configs.unreferenced(configs, found.digests())
            },
            **{f"draft {one.name}": one for one in house.drafts.of(owner, drafts)},
            **{f"half-written {one.name}": one for one in half_written},
            **({f"folder {run}": run} if run.name in runs else {}),
        }

    def _processes_of(self, owner: str) -> dict[Row, str]:
        """Its processes on this host, each with its place; those of the active place are production."""
        found = dict(marked(self.house.machine, self.house.marks, owner))
        active = self.house.revisions.active() if found else None
        return {one: place for one, place in found.items() if place != active}


def _place_words(owner: str, found: _Found) -> Iterator[str]:
    yield from (f"place {place}" for place in found.put_by(owner))
    yield from (f"place {place}, which still runs beside its successor" for place in found.still_kept(owner))
    yield from (f"place {place}, of which nobody knows the owner" for place in found.ownerless())
    yield from (f"unit of {place}, which is not there" for place in found.stray())
    if found.boots_nothing():
        yield "unit that starts the active revision after a reboot, though none is active"
