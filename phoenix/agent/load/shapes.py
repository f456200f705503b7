"""Shapes of CPU and memory as tables of steps: what a simulated process does in each of its cycles."""

from __future__ import annotations

import random
from typing import Any, Callable, NamedTuple, Tuple

from phoenix.agent.load.image import Behaviour, Steps
from phoenix.agent.protocol import RefusedError

STEADY_PERIOD_SECONDS = 0.5
_CPU_STEPS = 32
_MEMORY_STEPS = 64
_SPIKE_STEPS = 8
"""A spike of memory is the last of so many steps of its period."""

_MAXIMUM_CORES = 1.0  # a simulated process has one thread
_SHORTEST, _LONGEST = 0.01, 86400.0
_PAGE = 4096
_NS = 1_000_000_000


_Table = Tuple[Tuple[float, ...], float, int]
"""Bytes in each step, the length of a step in seconds, and the step that follows the last one."""


class _Cycle(NamedTuple):
    """CPU of one process: the length of a cycle in seconds, and the cores used in each step."""

    seconds: float
    cores: tuple[float, ...]
    hold: int = 1
    loop: int = 0


def behaviour(
    cpu: dict[str, Any], memory: dict[str, Any], ids: tuple[int, int] | None, draw: random.Random
) -> Behaviour:
    """What one process does; whatever is left open is drawn.

    Args:
        cpu: `shape`, `cores`, `period_seconds` of the request.
        memory: `shape`, `bytes`, `period_seconds` of the request.
        ids: User and group to become.
        draw: Source of everything random.
    """
    cycle = _CPU[_shape(cpu, _CPU, "cpu")](cpu, draw) if cpu["shape"] != "idle" else None
    shortest = cycle.seconds if cycle else 0.0
    sizes, seconds, loop = _MEMORY[_shape(memory, _MEMORY, "memory")](memory, shortest, draw)
    if cycle is None and len(sizes) > 1:
        cycle = _Cycle(seconds, (0.0,))
    whole = tuple(int(size) // _PAGE * _PAGE for size in sizes)
    uid, gid = ids or (None, None)
    if cycle is None:
        return Behaviour(memory_bytes=Steps(whole), uid=uid, gid=gid)
    period = round(cycle.seconds * _NS)
    return Behaviour(
        period_ns=period,
        phase_ns=round(draw.random() * period),
        busy_ns=Steps(tuple(round(cores * period) for cores in cycle.cores), cycle.hold, cycle.loop),
        memory_bytes=Steps(whole, max(1, round(seconds / cycle.seconds)) if len(whole) > 1 else 1, loop),
        uid=uid,
        gid=gid,
    )


def cores_of(cpu: dict[str, Any]) -> float:
    """What a pattern's process uses on average, at its height where it grows."""
    return 0.0 if cpu["shape"] == "idle" else float(cpu["cores"])


def _steady(cpu: dict[str, Any], _draw: random.Random) -> _Cycle:
    return _Cycle(STEADY_PERIOD_SECONDS, (_cores(cpu),))


def _spiky(cpu: dict[str, Any], _draw: random.Random) -> _Cycle:
    return _Cycle(_period(cpu), (_cores(cpu),))


def _growing(cpu: dict[str, Any], _draw: random.Random) -> _Cycle:
    cores = _cores(cpu)
    hold = max(1, round(_period(cpu) / _CPU_STEPS / STEADY_PERIOD_SECONDS))
    steps = tuple(cores * (number + 1) / _CPU_STEPS for number in range(_CPU_STEPS))
    return _Cycle(STEADY_PERIOD_SECONDS, steps, hold, _CPU_STEPS - 1)


def _random(cpu: dict[str, Any], draw: random.Random) -> _Cycle:
    """Values whose mean is exactly what was asked for: pairs that lie as far above as below it."""
    cores = _cores(cpu)
    reach = min(cores, _MAXIMUM_CORES - cores)
    away = [draw.uniform(-reach, reach) for _ in range(_CPU_STEPS // 2)]
    steps = [cores + one for pair in away for one in (pair, -pair)]
    draw.shuffle(steps)
    return _Cycle(STEADY_PERIOD_SECONDS, tuple(steps))


_CPU: dict[str, Callable[[dict[str, Any], random.Random], _Cycle]] = {
    "steady": _steady,
    "spiky": _spiky,
    "growing": _growing,
    "random": _random,
}


def _steady_memory(memory: dict[str, Any], _shortest: float, draw: random.Random) -> _Table:
    return (between(memory["bytes"], draw),), 0.0, 0


def _spiky_memory(memory: dict[str, Any], shortest: float, draw: random.Random) -> _Table:
    low, high = _bounds(memory["bytes"])
    count, seconds = _steps(memory, _SPIKE_STEPS, shortest)
    steps = [low] * (count - 1) + [high]
    turn = draw.randrange(count)
    return tuple(steps[turn:] + steps[:turn]), seconds, 0


def _growing_memory(memory: dict[str, Any], shortest: float, _draw: random.Random) -> _Table:
    low, high = _bounds(memory["bytes"])
    count, seconds = _steps(memory, _MEMORY_STEPS, shortest)
    last = count - 1
    return tuple(low + (high - low) * number / last for number in range(count)), seconds, last


def _random_memory(memory: dict[str, Any], shortest: float, draw: random.Random) -> _Table:
    low, high = _bounds(memory["bytes"])
    count, seconds = _steps(memory, _MEMORY_STEPS, shortest)
    return tuple(draw.uniform(low, high) for _ in range(count)), seconds, 0


def _steps(memory: dict[str, Any], most: int, shortest: float) -> tuple[int, float]:
    """How many steps a period has, and their length in seconds: none is shorter than a cycle of the CPU."""
    period = _period(memory)
    count = max(2, min(most, int(period / shortest) if shortest else most))
    return count, period / count


_MEMORY: dict[str, Callable[[dict[str, Any], float, random.Random], _Table]] = {
    "steady": _steady_memory,
    "spiky": _spiky_memory,
    "growing": _growing_memory,
    "random": _random_memory,
}


def between(bounds: Any, draw: random.Random) -> float:
    """Drawn evenly from `[low, high]`."""
    low, high = _bounds(bounds)
    return low if low == high else draw.uniform(low, high)


def _bounds(bounds: Any) -> tuple[float, float]:
    low, high = (float(bound) for bound in bounds)
    require(0 <= low <= high < 2**62, f"a range must be [low, high], not {bounds!r}")
    return low, high


def _cores(cpu: dict[str, Any]) -> float:
    cores = float(cpu["cores"])
    require(0 < cores <= _MAXIMUM_CORES, f"cores must be above 0 and at most {_MAXIMUM_CORES}, not {cores}")
    return cores


def _period(shape: dict[str, Any]) -> float:
    period = float(shape["period_seconds"])
    require(
        _SHORTEST <= period <= _LONGEST, f"period_seconds must be {_SHORTEST} to {_LONGEST}, not {period}"
    )
    return period


def _shape(given: dict[str, Any], known: dict[str, Any], what: str) -> str:
    shape = given["shape"]
    require(shape in known, f"{what}.shape must be one of {', '.join(known)}, not {shape!r}")
    return str(shape)


def require(claim: bool, message: str) -> None:
    """Raises RefusedError `bad_request` unless `claim` holds."""
    if not claim:
        raise RefusedError("bad_request", message)
