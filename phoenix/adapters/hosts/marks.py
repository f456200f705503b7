"""The marks: environment variables that say whose a process is, and the names that may stand in them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.machines.machine import Machine, Row
from phoenix.domain.errors import SpecError

OWNER = "PHOENIX_OWNER"
PLACE = "PHOENIX_PLACE"
FOLDER = "PHOENIX_FOLDER"
"""One owner may use many hosts on one machine (`local://a`, `local://b`), and two homes may both have a host `local`:
only the folder tells their processes apart, so that clearing one never touches the other."""

_PREFIX = "PHOENIX_"

CENSUS = "census"
LOAD = "load"
CHECK = "check"

_OWNER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLACE = re.compile(r"baseline|candidate|revision-[1-9][0-9]{0,8}")
_REVISION = "revision-"


@dataclass(frozen=True, slots=True)
class HostMarks:
    """What identifies a host in the environment of its processes: its folder; `name` is for people."""

    name: str
    folder: Path

    def environ(self, owner: str, place: str) -> dict[str, str]:
        """The marks of a process of `owner` at `place` (a slot, or `census`, `load`, `check`)."""
        return {OWNER: owner, PLACE: place, FOLDER: str(self.folder)}

    def place_of(self, environ: Mapping[str, str]) -> str | None:
        """The place that a process's environment names; None if it is not of this host.

        The simulated processes carry their owner and the folder only: they are of the load. What an earlier version
        started, and still runs, names the host before the place: `local/baseline`.
        """
        if environ.get(FOLDER) != str(self.folder):
            return None
        return environ.get(PLACE, LOAD).rpartition("/")[2]


def is_ours(name: str) -> bool:
    """Whether a variable is one that we give ourselves, and never pass on."""
    return name.startswith(_PREFIX)


def marked(machine: Machine, marks: HostMarks, owner: str) -> Iterator[tuple[Row, str]]:
    """The processes of `owner` on the host of `marks`, each with its place."""
    for one in machine.processes():
        place = marks.place_of(one.marks)
        if place is not None and one.marks.get(OWNER) == owner:
            yield one, place


def check_owner(owner: str) -> str:
    """`owner`, if it can stand in an environment and in a path.

    Raises:
        SpecError: It cannot.
    """
    if not _OWNER.fullmatch(owner) or owner.strip(".") == "":
        raise SpecError(
            f"{owner!r} cannot own anything on a host",
            code="invalid_owner",
            hint="letters, digits, dot, underscore and hyphen, at most 64 of them",
        )
    return owner


def check_place(place: str) -> str:
    """`place`, if a collector may stand there.

    Raises:
        SpecError: It may not.
    """
    if not is_place(place):
        raise SpecError(
            f"{place!r} is no place for a collector",
            code="invalid_place",
            hint="baseline, candidate or revision-N",
        )
    return place


def is_place(name: str) -> bool:
    """Whether a collector may stand there."""
    return _PLACE.fullmatch(name) is not None


def revision_number(place: str) -> int | None:
    """N of `revision-N`; None for any other place."""
    return int(place.removeprefix(_REVISION)) if place.startswith(_REVISION) else None


def revision_place(number: int) -> str:
    return f"{_REVISION}{number}"
