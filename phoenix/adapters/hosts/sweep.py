"""What is left of an owner on a host, and its removal; production, that is the active revision, is never touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.hosts.agents import Agents
from phoenix.adapters.hosts.collectors import Collectors
from phoenix.adapters.hosts.configs import Configs
from phoenix.adapters.hosts.endings import end_all
from phoenix.adapters.hosts.leases import LeaseFile
from phoenix.adapters.hosts.marks import HostMarks, marked
from phoenix.adapters.hosts.places import Places
from phoenix.adapters.hosts.revisions import Revisions
from phoenix.adapters.machines.durable import TEMPORARY
from phoenix.adapters.machines.machine import Machine, Row


@dataclass(frozen=True, slots=True)
class Sweep:
    """The broom of one host."""

    machine: Machine
    marks: HostMarks
    places: Places
    configs: Configs
    revisions: Revisions
    leases: LeaseFile
    agents: Agents
    collectors: Collectors

    def leftovers(self, owner: str) -> tuple[str, ...]:
        """See `Host.leftovers`."""
        processes = tuple(self._process_words(owner))
        if not self.machine.exists(self.marks.folder):
            return processes
        # Under the lock, else what another owner is about to write looks like something that was left.
        with self.machine.locked(self.marks.folder):
            return processes + tuple(self._file_words(owner))

    def clear(self, owner: str) -> None:
        """See `Host.clear`. The lease goes last: while anything is left, nobody else may start here."""
        for place in self._places_of(owner):
            self.collectors.stop(place)
        end_all(self.machine, lambda: self._processes_of(owner))
        if self.machine.exists(self.marks.folder):
            with self.machine.locked(self.marks.folder):
                self._clear_files(owner)
        self.agents.remove_run(owner)
        self.leases.release(owner)

    def _clear_files(self, owner: str) -> None:
        for place in self._ownerless():
            self.places.remove(place)
        self.configs.sweep(record.digest for record in self.places.records())
        self.machine.remove(*self.collectors.drafts_of(owner), *self._half_written())

    def _process_words(self, owner: str) -> Iterator[str]:
        active = self.revisions.active()
        for one, place in marked(self.machine, self.marks, owner):
            if place != active:
                yield f"process {one.pid} ({one.name}) of {place}"

    def _file_words(self, owner: str) -> Iterator[str]:
        yield from (f"place {place}" for place in self._places_of(owner))
        yield from (f"place {place}, of which nobody knows the owner" for place in self._ownerless())
        referenced = [record.digest for record in self.places.records()]
        yield from (f"configuration {path.name}" for path in self.configs.unreferenced(referenced))
        yield from (f"draft {path.name}" for path in self.collectors.drafts_of(owner))
        yield from (f"half-written {path.name}" for path in self._half_written())
        if self.machine.exists(self.agents.run_folder(owner)):
            yield f"folder {self.agents.run_folder(owner)}"
        if self.leases.holder() == owner:
            yield f"lease on {self.marks.name}"

    def _processes_of(self, owner: str) -> list[Row]:
        active = self.revisions.active()
        return [one for one, place in marked(self.machine, self.marks, owner) if place != active]

    def _places_of(self, owner: str) -> list[str]:
        """What it put there; a revision that served is production's history, whoever put it there."""
        active = self.revisions.active()
        return [
            one.place
            for one in self.places.records()
            if one.owner == owner and one.place != active and not one.retired
        ]

    def _ownerless(self) -> list[str]:
        """Places without a readable record: somebody died between making the folder and writing into it."""
        active = self.revisions.active()
        return [name for name in self.places.names() if name != active and self.places.read(name) is None]

    def _half_written(self) -> list[Path]:
        folder = self.marks.folder
        return [folder / name for name in self.machine.names(folder) if name.endswith(TEMPORARY)]
