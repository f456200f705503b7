"""The `start` request of a load, and the processes that it stands for: same request and seed, same processes.

The standing ones are drawn at once, in the order of the patterns; the short-lived ones one by one, each from the same
stream whenever it comes. Nothing is drawn from the clock, so what is late is still the same.
"""

from __future__ import annotations

import math
import os
import random
import re
from itertools import accumulate
from typing import Any, Iterator, NamedTuple, Optional

from phoenix.agent import protocol
from phoenix.agent.load import ramp
from phoenix.agent.load.accounts import ids_of
from phoenix.agent.load.image import Behaviour
from phoenix.agent.load.shapes import behaviour, between, cores_of, require

MAXIMUM_PROCESSES = 5000
MAXIMUM_CHURN = 100_000.0
OWN_PROCESSES = 2
"""The generator and its guard: the kernel holds them to the same cap as what they start."""

_VARIANTS = 8
"""Programs that are written for one churn pattern; each of its processes runs one of them."""

_NUMBERS = 10_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+:@-]{0,199}")


class Child(NamedTuple):
    """One simulated process.

    Attributes:
        name: File name, argv[0] and thus process.executable.name.
        arguments: argv after the name.
        behaviour: What it does.
        lifetime_seconds: Age at which it ends; 0 = never.
        first_end_seconds: At what age the first one ends; staggers the restarts.
        restarts: Whether a new one takes its place.
    """

    name: str
    arguments: tuple[str, ...]
    behaviour: Behaviour
    lifetime_seconds: float
    first_end_seconds: float
    restarts: bool


class Limits(NamedTuple):
    """What the whole load may take, generator and guard included; 0 where nothing was said."""

    processes: int
    memory_bytes: int
    cpu_cores: float


class Start(NamedTuple):
    """A checked request.

    Attributes:
        run_dir: Folder to create and to remove; must not exist yet.
        owner: Mark in the environment of each process.
        deadline_seconds: The load ends by itself after this.
        silence_seconds: And after so long without a word from the control plane; 0 = never.
        children: Every standing process, in the order of the patterns.
        churn: The short-lived ones.
        ramp: See `ramp`.
        limits: Caps.
        metrics_port: Where to serve our figures on the loopback; 0 = any free port.
        cpu_cores: Used on average by all together.
    """

    run_dir: str
    owner: str
    deadline_seconds: float
    silence_seconds: float
    children: tuple[Child, ...]
    churn: "Churn"
    ramp: tuple[tuple[float, float], ...]
    limits: Limits
    metrics_port: Optional[int]
    cpu_cores: float


class Churn:
    """The short-lived processes: their rate, and who they are.

    Attributes:
        rate: Started per second at the ramp's full height.
        concurrent: How many live at the same time, at most.
        behaviours: Every program that they run.
    """

    def __init__(self, patterns: list[dict[str, Any]], rate: float, seed: int) -> None:
        self.rate = rate if patterns else 0.0
        self._seed = seed
        self._patterns = patterns
        for one in patterns:
            _called(one, _NUMBERS - 1, random.Random(0))  # noqa: S311 - checked here: they are made one by one later
        draw = random.Random(f"{seed}:variants")  # noqa: S311 - reproducible, not secret
        self._variants = [
            [behaviour(one["cpu"], one["memory"], ids_of(one.get("user")), draw) for _ in range(_VARIANTS)]
            for one in patterns
        ]
        self._weights = list(accumulate(float(one["churn_weight"]) for one in patterns))
        lifetimes = [float(one["lifetime_seconds"][1]) for one in patterns]
        self.concurrent = round(self.rate * max(lifetimes, default=0.0) + 0.5) if self.rate else 0
        self.behaviours = {one for variants in self._variants for one in variants}
        self.cores = self.rate * sum(
            cores_of(one["cpu"]) * sum(map(float, one["lifetime_seconds"])) / 2 * self._share(one)
            for one in patterns
        )

    def __iter__(self) -> Iterator[Child]:
        """One after the other, without end; the n-th is the same each time."""
        draw = random.Random(f"{self._seed}:churn")  # noqa: S311 - reproducible, not secret
        numbers = [0] * len(self._patterns)
        while self.rate:
            (index,) = draw.choices(range(len(self._patterns)), cum_weights=self._weights)
            pattern = self._patterns[index]
            lifetime = between(pattern["lifetime_seconds"], draw)
            yield Child(
                *_called(pattern, numbers[index] % _NUMBERS, draw),
                behaviour=self._variants[index][draw.randrange(_VARIANTS)],
                lifetime_seconds=lifetime,
                first_end_seconds=lifetime,
                restarts=False,
            )
            numbers[index] += 1

    def _share(self, pattern: dict[str, Any]) -> float:
        return float(pattern["churn_weight"]) / self._weights[-1]


def read_start(request: dict[str, Any]) -> Start:
    """Check and expand a `start` request.

    Raises:
        RefusedError: A field is missing, unknown in kind or out of bounds.
    """
    if request.get("type") != "start":
        raise protocol.RefusedError("bad_request", f"load begins with start, not {request.get('type')!r}")
    try:
        return _start(request)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise protocol.RefusedError("bad_request", f"start: {type(error).__name__}: {error}") from error


def _start(request: dict[str, Any]) -> Start:
    run_dir, seed = str(request["run_dir"]), int(request["seed"])
    deadline, silence = float(request["deadline_seconds"]), float(request.get("silence_seconds", 0))
    patterns = [_whole(pattern) for pattern in request["patterns"]]
    rate = float(request.get("churn_per_second", 0))
    standing = [pattern for pattern in patterns if not pattern["churn_weight"]]
    counts = [int(pattern["count"]) for pattern in standing]
    require(os.path.isabs(run_dir), "run_dir must be an absolute path")
    require(0 < deadline < math.inf, f"deadline_seconds must be above zero, not {deadline}")
    require(silence >= 0, f"silence_seconds must not be negative, not {silence}")
    require(all(count >= 0 for count in counts), f"a count must not be negative: {counts}")
    require(0 <= rate <= MAXIMUM_CHURN, f"churn_per_second must be 0 to {MAXIMUM_CHURN:.0f}, not {rate}")
    churn = Churn([pattern for pattern in patterns if pattern["churn_weight"]], rate, seed)
    count = sum(counts)
    require(bool(count or churn.rate), "neither a process nor churn is asked for")
    require(count <= MAXIMUM_PROCESSES, f"at most {MAXIMUM_PROCESSES} processes, not {count}")
    port = request.get("metrics_port")
    require(port is None or 0 <= int(port) <= 65535, f"metrics_port must be 0 to 65535, not {port!r}")
    return Start(
        run_dir=run_dir,
        owner=protocol.owner_name(request.get("owner")),
        deadline_seconds=deadline,
        silence_seconds=silence,
        children=expand(standing, seed),
        churn=churn,
        ramp=_ramp(request.get("ramp", ())),
        limits=_limits(request.get("limits") or {}),
        metrics_port=None if port is None else int(port),
        cpu_cores=churn.cores + sum(int(one["count"]) * cores_of(one["cpu"]) for one in standing),
    )


def expand(patterns: list[dict[str, Any]], seed: int) -> tuple[Child, ...]:
    """Every standing process of the patterns.

    Args:
        patterns: As `PlannedPattern.message` of `phoenix.domain.load.plan` writes them.
        seed: Of everything drawn.

    Raises:
        RefusedError: A pattern is out of bounds.
        KeyError, TypeError, ValueError: A pattern is malformed.
    """
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return tuple(
        _child(pattern, index, draw)
        for pattern in map(_whole, patterns)
        for index in range(int(pattern["count"]))
    )


def _whole(pattern: dict[str, Any]) -> dict[str, Any]:
    """With what may be left out, checked as far as both kinds share it."""
    steady = {"shape": "steady", "bytes": (0, 0)}
    found: dict[str, Any] = {
        "count": 0,
        "churn_weight": 0,
        "memory": steady,
        "lifetime_seconds": (0, 0),
        **pattern,
    }
    low, high = (float(bound) for bound in found["lifetime_seconds"])
    require(0 <= low <= high, f"lifetime_seconds must be [low, high], not {found['lifetime_seconds']!r}")
    require(0 <= found["churn_weight"] < math.inf, "a churn_weight must not be negative")
    require(not found["churn_weight"] or low > 0, "a churn pattern needs lifetime_seconds above zero")
    return found


def _child(pattern: dict[str, Any], index: int, draw: random.Random) -> Child:
    name, arguments = _called(pattern, index, draw)
    lifetime = between(pattern["lifetime_seconds"], draw)
    return Child(
        name=name,
        arguments=arguments,
        behaviour=behaviour(pattern["cpu"], pattern["memory"], ids_of(pattern.get("user")), draw),
        lifetime_seconds=lifetime,
        # Not all at once, and never at once after the start.
        first_end_seconds=lifetime * draw.uniform(0.25, 1.0),
        restarts=bool(pattern.get("restart", True)),
    )


def _called(pattern: dict[str, Any], index: int, draw: random.Random) -> tuple[str, tuple[str, ...]]:
    """Name and arguments of one of a pattern's processes."""
    name = str(pattern["name"]).replace("{n}", f"{index:04d}")
    require(bool(_NAME.fullmatch(name)), f"a process name must match {_NAME.pattern}, not {name!r}")
    arguments = tuple(_argument(str(one)) for one in pattern.get("arguments", ()))
    if pattern.get("unique_command_line"):
        arguments = (*arguments, f"--instance={index:04d}", f"--id={draw.getrandbits(64):016x}")
    return name, arguments


def _argument(text: str) -> str:
    require("\0" not in text, f"an argument must not hold NUL: {text!r}")
    text.encode()  # what has no bytes cannot stand in a command line
    return text


def _ramp(points: Any) -> tuple[tuple[float, float], ...]:
    found = tuple((float(at), float(share)) for at, share in points)
    times = [at for at, _ in found]
    require(
        times == sorted(times) and all(0 <= at < math.inf for at in times),
        "the ramp's times must ascend from 0 on",
    )
    require(all(0 <= share <= 1 for _, share in found), "a share of the ramp must be 0 to 1")
    return found


def _limits(limits: dict[str, Any]) -> Limits:
    found = Limits(
        int(limits.get("processes", 0)),
        int(limits.get("memory_bytes", 0)),
        float(limits.get("cpu_cores", 0)),
    )
    require(all(0 <= one < math.inf for one in found), f"limits must not be negative: {limits}")
    return found


def turns(start: Start) -> Iterator[ramp.Turn]:
    """When each standing process comes and goes."""
    return ramp.turns(start.ramp, len(start.children))


def arrivals(start: Start) -> Iterator[tuple[float, Child]]:
    """When each short-lived process is due, s after the start, and who it is."""
    children = iter(start.churn)
    for due in ramp.arrivals(start.ramp, start.churn.rate):
        yield due, next(children)
