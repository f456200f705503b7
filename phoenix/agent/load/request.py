"""The `start` request of a load, and the processes that it stands for: same request and seed, same processes."""

from __future__ import annotations

import math
import os
import random
import re
from typing import Any, Callable, NamedTuple

from phoenix.agent import protocol
from phoenix.agent.load.image import Behaviour, Steps

MAXIMUM_PROCESSES = 5000
MAXIMUM_MEMORY_SHARE = 0.5
"""Of the memory that the host has available: the load is a guest and must not bring down what it measures."""

STEADY_PERIOD_SECONDS = 0.5
GROWTH_PERIOD_SECONDS = 1.0
_GROWTH_STEPS = 64
_MAXIMUM_CORES = 1.0  # a simulated process has one thread

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+:@-]{0,199}")
_PAGE = 4096
_NS = 1_000_000_000


class Child(NamedTuple):
    """One simulated process.

    Attributes:
        name: File name, argv[0] and thus process.executable.name.
        arguments: argv after the name.
        behaviour: What it does.
        lifetime_seconds: Age at which a new process replaces it; 0 = never.
        first_end_seconds: When the first one ends, after the start of the load; staggers the restarts.
    """

    name: str
    arguments: tuple[str, ...]
    behaviour: Behaviour
    lifetime_seconds: float
    first_end_seconds: float


class Start(NamedTuple):
    """A checked request.

    Attributes:
        run_dir: Folder to create and to remove; must not exist yet.
        owner: Mark in the environment of each process.
        deadline_seconds: The load ends by itself after this.
        children: Every process, in the order of the patterns.
    """

    run_dir: str
    owner: str
    deadline_seconds: float
    children: tuple[Child, ...]


def read_start(request: dict[str, Any]) -> Start:
    """Check and expand a `start` request.

    Raises:
        RefusedError: A field is missing, unknown in kind or out of bounds.
    """
    if request.get("type") != "start":
        raise protocol.RefusedError("bad_request", f"load begins with start, not {request.get('type')!r}")
    try:
        run_dir, deadline = str(request["run_dir"]), float(request["deadline_seconds"])
        patterns: list[dict[str, Any]] = request["patterns"]
        count = sum(int(pattern["count"]) for pattern in patterns)
        _require(os.path.isabs(run_dir), "run_dir must be an absolute path")
        _require(deadline > 0, "deadline_seconds must be above zero")
        _require(0 < count <= MAXIMUM_PROCESSES, f"1 to {MAXIMUM_PROCESSES} processes, not {count}")
        children = expand(patterns, int(request["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise protocol.RefusedError("bad_request", f"start: {type(error).__name__}: {error}") from error
    return Start(run_dir, protocol.owner_name(request.get("owner")), deadline, children)


def expand(patterns: list[dict[str, Any]], seed: int) -> tuple[Child, ...]:
    """Every process of the patterns.

    Args:
        patterns: As `PlannedPattern.message` of `phoenix.domain.load` writes them.
        seed: Of everything drawn.

    Raises:
        RefusedError: A pattern is out of bounds.
        KeyError, TypeError, ValueError: A pattern is malformed.
    """
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return tuple(
        _child(pattern, index, draw) for pattern in patterns for index in range(int(pattern["count"]))
    )


def _child(pattern: dict[str, Any], index: int, draw: random.Random) -> Child:
    name = str(pattern["name"]).replace("{n}", f"{index:04d}")
    _require(bool(_NAME.fullmatch(name)), f"a process name must match {_NAME.pattern}, not {name!r}")
    arguments = tuple(str(argument) for argument in pattern.get("arguments", ()))
    if pattern.get("unique_command_line"):
        arguments = (*arguments, f"--instance={index:04d}", f"--id={draw.getrandbits(64):016x}")
    lifetime = _between(pattern.get("lifetime_seconds", (0, 0)), draw.uniform)
    return Child(
        name=name,
        arguments=arguments,
        behaviour=_behaviour(pattern, draw),
        lifetime_seconds=lifetime,
        # Not all at once, and never at once after the start.
        first_end_seconds=lifetime * draw.uniform(0.25, 1.0),
    )


def _behaviour(pattern: dict[str, Any], draw: random.Random) -> Behaviour:
    memory = int(_between(pattern.get("memory_bytes", (0, 0)), draw.uniform)) // _PAGE * _PAGE
    period, cores = _cycle(pattern["cpu"])
    growth: dict[str, Any] = pattern.get("growth") or {}
    if growth and not period:
        period = GROWTH_PERIOD_SECONDS
    return Behaviour(
        period_ns=round(period * _NS),
        phase_ns=round(draw.random() * period * _NS),
        busy_ns=Steps((round(cores * period * _NS),)),
        memory_bytes=_growing(memory, growth, period) if growth else Steps((memory,)),
    )


def _growing(low: int, growth: dict[str, Any], period: float) -> Steps:
    """From `low` to the maximum, where it stays; cycles share a step where they are many."""
    high = max(low, int(growth["maximum_bytes"]))
    cycles = max(1, math.ceil((high - low) / (float(growth["bytes_per_second"]) * period)))
    steps = min(cycles, _GROWTH_STEPS)
    values = (low + (high - low) * number // steps for number in range(1, steps + 1))
    return Steps(tuple(values), hold=-(-cycles // steps), loop=steps - 1)


def _cycle(cpu: dict[str, Any]) -> tuple[float, float]:
    """Length of a cycle in seconds, and cores used on average."""
    shape = cpu["shape"]
    if shape == "idle":
        return 0.0, 0.0
    _require(shape in ("steady", "spiky"), f"cpu.shape must be idle, steady or spiky, not {shape!r}")
    cores = float(cpu["cores"])
    period = STEADY_PERIOD_SECONDS if shape == "steady" else float(cpu["period_seconds"])
    _require(
        0 < cores <= _MAXIMUM_CORES, f"cpu.cores must be above 0 and at most {_MAXIMUM_CORES}, not {cores}"
    )
    _require(0.01 <= period <= 3600, f"cpu.period_seconds must be 0.01 to 3600, not {period}")
    return period, cores


def _between(bounds: Any, draw: Callable[[float, float], float]) -> float:
    low, high = (float(bound) for bound in bounds)
    _require(0 <= low <= high, f"a range must be [low, high], not {bounds!r}")
    return low if low == high else draw(low, high)


def _require(claim: bool, message: str) -> None:
    if not claim:
        raise protocol.RefusedError("bad_request", message)
