"""A load profile made of a host's process table: "clone my host", from several censuses taken over some seconds.

Command lines are never known here, so none is recorded. What lives shorter than the time between two censuses is seen
by chance only: the churn rate is what was seen, and the description says how much the kernel counted.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from phoenix.domain.errors import StateError
from phoenix.domain.load.profile import MAXIMUM_CHURN, MAXIMUM_PROCESSES
from phoenix.domain.processes import Census, Process

IDLE_BELOW_CORES = 0.001
"""One clock tick in ten seconds: below it the kernel's own counter says nothing."""

MOST_KINDS = 100
"""Kinds of standing processes that get a pattern of their own; the rest share one with others of their number."""

MOST_CHURN_KINDS = 50
"""Names of short-lived processes that get a pattern of their own; the rest share one."""

_MOST_NAMES, _MOST_CHURN_NAMES = MAXIMUM_PROCESSES, 500
"""Names in the patterns that are shared. With these a profile is a document that is still read (10,000 values)."""

_BURST_TIMES = 3.0
_BURST_TICKS = 5
"""A burst is an interval with this many times the average use, and so many ticks more; fewer may be rounding."""

_FEWEST_INTERVALS = 4
_SHORTEST_LIFE, _LONGEST_LIFE = 0.05, 86_400.0
_LONGEST_NAME = 140
_KIB = 1024
_VALID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+:@-]{0,139}")
_INVALID_CHARACTER = re.compile(r"[^A-Za-z0-9_.+:@-]|^[.+:@-]")

_ROOM = MAXIMUM_PROCESSES - 2
"""For standing and short-lived processes together; two less, for both numbers are rounded."""


@dataclass(frozen=True, slots=True)
class _Use:
    """CPU of one process: the average in cores, and where it comes in bursts the seconds between them, else 0."""

    cores: float
    period: float = 0.0

    @property
    def shape(self) -> str:
        return "idle" if not self.cores else "spiky" if self.period else "steady"


@dataclass(frozen=True, slots=True)
class _Life:
    """What was seen of one process.

    Attributes:
        sightings: By number of the census, in order.
        born: Between the last census without it and the first with it, s; before the first, that instant.
        died: Likewise; after the last census, that instant.
        came, went: Whether its beginning and its end lie within the recording.
    """

    sightings: Mapping[int, Process]
    born: float
    died: float
    came: bool
    went: bool

    @property
    def name(self) -> str:
        """The last one: a process is called otherwise before it executes its program."""
        return self._last.name

    @property
    def rss_bytes(self) -> int:
        return self._last.rss_bytes

    @property
    def seconds(self) -> float:
        return self.died - self.born

    @property
    def cpu_seconds(self) -> float:
        return self._last.cpu_seconds

    @property
    def _last(self) -> Process:
        return self.sightings[max(self.sightings)]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Processes that are alike: all of one name, or of several with as many processes each.

    Attributes:
        names: As the host has them; of standing processes each carries as many as any other.
        uses: Of each process; of the short-lived only those that have ended, as with their ages.
        rss: Resident memory of each process, By.
        lives: Ages at which they ended, s; None for standing processes.
    """

    names: tuple[str, ...]
    uses: tuple[_Use, ...]
    rss: tuple[int, ...]
    lives: tuple[float, ...] | None = None

    @property
    def number(self) -> int:
        return len(self.rss)

    def rank(self) -> tuple[float, int, int, tuple[str, ...]]:
        """Sorts the kinds that matter most first."""
        return -sum(use.cores for use in self.uses), -self.number, -sum(self.rss), self.names


def record(
    name: str, censuses: Sequence[Census], *, anonymise: bool = False, without: Collection[int] = ()
) -> dict[str, object]:
    """The document of a load profile that looks like a host.

    Standing are the processes of the last census, by name exactly as many, unless others of their name came and went
    meanwhile and they are no older than those became. Kernel threads and zombies are no processes here.

    Args:
        name: Of the profile.
        censuses: Of one session, in order, at least two; half a second between them and ten seconds in all are good.
        anonymise: Call the processes `svc-001`, `svc-002` and so on, by descending number.
        without: PIDs to leave out, such as the recorder's own.

    Raises:
        StateError: There is no process to record.
    """
    if len(censuses) < 2 or censuses[-1].at_seconds <= censuses[0].at_seconds:
        raise ValueError("a recording needs censuses of at least two instants, in order")
    standing, short_lived = _parted(_lives(censuses, without))
    if not standing and not short_lived:
        raise StateError("The host shows no process that could be recorded.", code="nothing_to_record")
    seconds = censuses[-1].at_seconds - censuses[0].at_seconds
    called = _called([*standing, *short_lived], anonymise=anonymise)
    kinds = _standing_kinds(standing, censuses)
    churn = _churn_kinds(short_lived)
    lifetimes = [_lifetimes(kind) for kind in churn]
    rate = min(MAXIMUM_CHURN, len(short_lived) / seconds)
    asked = len(standing) + rate * max((longest for _, longest in lifetimes), default=0.0)
    scale = min(1.0, _ROOM / asked)
    numbers: dict[str, object] = {}
    if standing:
        numbers["defaultProcesses"] = max(1, math.floor(len(standing) * scale))
    if churn:
        numbers["defaultChurnRate"] = float(f"{rate * scale:.4g}")
    return {
        "name": name,
        "description": _description(len(standing), len(short_lived), seconds, scale, _forks(censuses)),
        **numbers,
        "patterns": [
            *({**_pattern(kind, called), "weight": kind.number} for kind in kinds),
            *(
                {**_pattern(kind, called), "churn": kind.number, "lifetimeSeconds": list(lifetime)}
                for kind, lifetime in zip(churn, lifetimes, strict=True)
            ),
        ],
    }


def _lives(censuses: Sequence[Census], without: Collection[int]) -> list[_Life]:
    seen: dict[tuple[int, int], dict[int, Process]] = defaultdict(dict)
    for number, census in enumerate(censuses):
        for process in census.processes.values():
            if not process.is_kernel_thread and not process.is_zombie and process.pid not in without:
                seen[process.pid, process.started][number] = process
    times = [census.at_seconds for census in censuses]
    return [_life(sightings, times) for sightings in seen.values()]


def _life(sightings: Mapping[int, Process], times: Sequence[float]) -> _Life:
    first, last = min(sightings), max(sightings)
    before, after = max(0, first - 1), min(len(times) - 1, last + 1)
    return _Life(
        sightings=sightings,
        born=(times[before] + times[first]) / 2,
        died=(times[last] + times[after]) / 2,
        came=first > 0,
        went=last < len(times) - 1,
    )


def _parted(lives: Iterable[_Life]) -> tuple[list[_Life], list[_Life]]:
    """The standing and the short-lived; who went and was there from the beginning is neither."""
    by_name: dict[str, list[_Life]] = defaultdict(list)
    for life in lives:
        by_name[life.name].append(life)
    standing: list[_Life] = []
    short_lived: list[_Life] = []
    for alike in by_name.values():
        ages = [life.seconds for life in alike if life.came and life.went]
        for life in alike:
            if life.came and ages and life.seconds <= max(ages):
                short_lived.append(life)
            elif not life.went:
                standing.append(life)
    return standing, short_lived


def _standing_kinds(lives: Iterable[_Life], censuses: Sequence[Census]) -> list[_Kind]:
    """By name, those apart that use CPU otherwise: one busy process among many idle ones stays one."""
    alike: dict[tuple[str, str], list[tuple[_Life, _Use]]] = defaultdict(list)
    for life in lives:
        use = _use(life, censuses)
        alike[life.name, use.shape].append((life, use))
    kinds = sorted(
        (
            _Kind((name,), tuple(use for _, use in pairs), tuple(life.rss_bytes for life, _ in pairs))
            for (name, _), pairs in alike.items()
        ),
        key=_Kind.rank,
    )
    rest: dict[int, list[_Kind]] = defaultdict(list)
    for kind in kinds[MOST_KINDS:][:_MOST_NAMES]:
        rest[kind.number].append(kind)  # put together by their number, so that each name still has its own
    return [*kinds[:MOST_KINDS], *map(_together, rest.values())]


def _churn_kinds(lives: Iterable[_Life]) -> list[_Kind]:
    alike: dict[str, list[_Life]] = defaultdict(list)
    for life in lives:
        alike[life.name].append(life)
    kinds = sorted(
        (
            _Kind(
                (name,),
                tuple(_Use(_cores(life.cpu_seconds, life.seconds)) for life in some if life.went),
                tuple(life.rss_bytes for life in some),
                tuple(life.seconds for life in some if life.went),
            )
            for name, some in alike.items()
        ),
        key=_Kind.rank,
    )
    rest = kinds[MOST_CHURN_KINDS:]
    return [*kinds[:MOST_CHURN_KINDS], *([_together(rest, _MOST_CHURN_NAMES)] if rest else [])]


def _use(life: _Life, censuses: Sequence[Census]) -> _Use:
    """CPU between the sightings of a process, and whether it came in bursts."""
    steps = [
        (later.cpu_seconds - earlier.cpu_seconds, censuses[n].at_seconds - censuses[m].at_seconds)
        for (m, earlier), (n, later) in pairwise(sorted(life.sightings.items()))
    ]
    seconds = sum(length for _, length in steps)
    cores = _cores(sum(used for used, _ in steps), seconds)
    if not cores or len(steps) < _FEWEST_INTERVALS:
        return _Use(cores)
    tick = 1 / censuses[0].ticks_per_second
    average = sum(used for used, _ in steps) / len(steps)
    most = max(used for used, _ in steps)
    if most < _BURST_TIMES * average or most - average < _BURST_TICKS * tick:
        return _Use(cores)
    above = [False, *(used > average for used, _ in steps)]
    bursts = sum(now and not before for before, now in pairwise(above))
    return _Use(cores, max(0.1, round(seconds / bursts, 1)))


def _cores(used: float, seconds: float) -> float:
    """At most 1, for a simulated process has one thread; 0 where it is too little to be told."""
    cores = used / seconds if seconds > 0 else 0.0
    return 0.0 if cores < IDLE_BELOW_CORES else min(1.0, cores)


def _together(kinds: Sequence[_Kind], most_names: int | None = None) -> _Kind:
    lives = [life for kind in kinds for life in kind.lives or ()]
    return _Kind(
        names=tuple(name for kind in kinds for name in kind.names)[:most_names],
        # Bursts of many are no bursts any more.
        uses=tuple(_Use(use.cores) for kind in kinds for use in kind.uses),
        rss=tuple(rss for kind in kinds for rss in kind.rss),
        lives=tuple(lives) or None,
    )


def _pattern(kind: _Kind, called: Mapping[str, str]) -> dict[str, object]:
    return {
        "names": [called[name] for name in kind.names],
        **_cpu(kind.uses),
        "memory": {"bytes": [f"{size}KiB" for size in _bounds(kind.rss)]},
    }


def _cpu(uses: Sequence[_Use]) -> dict[str, object]:
    cores = round(sum(use.cores for use in uses) / len(uses), 4)
    if not cores:
        return {}
    period = sum(use.period for use in uses) / len(uses)
    if not period:
        return {"cpu": {"shape": "steady", "cores": cores}}
    return {"cpu": {"shape": "spiky", "cores": cores, "periodSeconds": min(86_400.0, round(period, 1))}}


def _bounds(rss: Sequence[int]) -> tuple[int, int]:
    """Within what was seen, and so that drawing evenly between them keeps the sum; KiB."""
    low, high, mean = min(rss), max(rss), sum(rss) / len(rss)
    return round(max(low, 2 * mean - high) / _KIB), round(min(high, 2 * mean - low) / _KIB)


def _lifetimes(kind: _Kind) -> tuple[float, float]:
    lives = [min(_LONGEST_LIFE, max(_SHORTEST_LIFE, round(life, 2))) for life in kind.lives or ()]
    return min(lives), max(lives)


def _called(lives: Sequence[_Life], *, anonymise: bool) -> dict[str, str]:
    """What each name of the host becomes: two never become the same."""
    numbers: dict[str, int] = defaultdict(int)
    for life in lives:
        numbers[life.name] += 1
    if anonymise:
        ordered = sorted(numbers, key=lambda name: (-numbers[name], name))
        return {name: f"svc-{number:03d}" for number, name in enumerate(ordered, 1)}
    called = {name: name for name in numbers if _VALID.fullmatch(name)}
    taken = set(called)
    for name in sorted(numbers.keys() - taken):
        plain = _INVALID_CHARACTER.sub("_", name)[:_LONGEST_NAME] or "_"
        candidate, number = plain, 1
        while candidate in taken:
            number += 1
            candidate = f"{plain}-{number}"
        called[name] = candidate
        taken.add(candidate)
    return called


def _forks(censuses: Sequence[Census]) -> int | None:
    """Processes and threads that the kernel started meanwhile."""
    first, last = censuses[0].forks, censuses[-1].forks
    return None if first is None or last is None else last - first


def _description(standing: int, short_lived: int, seconds: float, scale: float, forks: int | None) -> str:
    said = [f"Recorded over {seconds:.0f} s: {standing} standing processes"]
    if short_lived:
        said.append(f", {short_lived / seconds:.2g} short-lived ones seen per second")
    if forks is not None:
        said.append(f" ({forks / seconds:.2g} starts per second by the kernel's count, threads included)")
    if scale < 1:
        said.append(
            f". More than {MAXIMUM_PROCESSES} at once cannot be simulated: {scale:.0%} of them, in proportion"
        )
    return "".join([*said, "."])
