"""Revisions: which one is active, by a link that is replaced in one step, and which number comes next."""

from contextlib import suppress
from pathlib import Path

from phoenix.adapters.hosts import durable
from phoenix.adapters.hosts.marks import check_place, revision_number
from phoenix.domain.errors import SpecError


class Revisions:
    """The `active` link and the highest number ever used. Who writes holds the host's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._link = folder / "active"
        self._highest = folder / "revision"

    def active(self) -> str | None:
        """The place that the link points at."""
        try:
            name = self._link.readlink().name
        except FileNotFoundError:
            return None
        with suppress(SpecError):
            return check_place(name)
        return None

    def activate(self, place: str | None) -> None:
        if place is not None:
            durable.link(self._link, f"places/{place}")
        elif self._link.is_symlink():
            self._link.unlink(missing_ok=True)
            durable.flush_folder(self._folder)

    def note(self, place: str) -> None:
        """Remember the number of `place`: it is never given again, for the ledger refers to it."""
        number = revision_number(place)
        if number is not None and number > self._noted():
            durable.write(self._highest, f"{number}\n")

    def following(self) -> int:
        return self._noted() + 1

    def _noted(self) -> int:
        noted = 0
        with suppress(ValueError):
            noted = int(durable.read(self._highest) or "0")
        return max(noted, revision_number(self.active() or "") or 0)
