"""Revisions: which one is active, by a link that is replaced in one step, and which number comes next."""

from contextlib import suppress
from pathlib import Path

from phoenix.adapters.hosts.marks import check_place, revision_number
from phoenix.adapters.machines.machine import Machine, Text
from phoenix.domain.errors import SpecError


class Revisions:
    """The `active` link and the highest number ever used. Who writes holds the host's lock."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._machine = machine
        self._link = folder / "active"
        self._highest = folder / "revision"

    def active(self) -> str | None:
        """The place that the link points at."""
        target = self._machine.link_target(self._link)
        with suppress(SpecError):
            return check_place(Path(target).name) if target else None
        return None

    def activate(self, place: str | None) -> None:
        if place is not None:
            self._machine.link(self._link, f"places/{place}")
        else:
            self._machine.remove(self._link)

    def note(self, place: str) -> list[Text]:
        """What is to be written to remember the number of `place`: it is never given again, the ledger refers to it."""
        number = revision_number(place)
        return [Text(self._highest, f"{number}\n")] if number is not None and number > self._noted() else []

    def following(self) -> int:
        return max(self._noted(), revision_number(self.active() or "") or 0) + 1

    def _noted(self) -> int:
        with suppress(ValueError):
            return int(self._machine.read(self._highest) or "0")
        return 0
