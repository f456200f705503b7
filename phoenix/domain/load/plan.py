"""How many processes of which name a load has, how many come and go, and what all of it may take.

The agent draws everything else (memory, lifetimes, who is next) from the seed, so that equal plans are equal loads.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.load.profile import MAXIMUM_CHURN, MAXIMUM_PROCESSES, LoadPattern, LoadProfile

_SPARE_PROCESSES = 16
"""The generator, its guard and what either runs for a moment; the kernel counts each of their threads."""

_MEMORY_MARGIN = 1.25
"""Beside what the processes fill: pages of their tables, and what a process that is being replaced still holds."""

_BYTES_PER_PROCESS = 256 * 1024
"""Program, stack and what the kernel keeps: 66 KiB each were measured, and a cgroup is charged in batches."""

_GENERATOR_BYTES = 64 * 2**20
"""The generator is a Python program, and keeps a record of each process."""

_CPU_MARGIN = 2.0
"""Bursts of many processes fall together at times; a cap near the average would flatten what a profile asks for."""

_GENERATOR_CORES = 0.5
"""Most of it for the start, when all processes are made at once."""

_CPU_SECONDS_PER_START = 0.004
"""Making and reaping one process takes a tenth of that on an idle machine; one that is busy or emulated needs more."""

_Age = Callable[[LoadPattern], float]


@dataclass(frozen=True, slots=True)
class PlannedPattern:
    """One name (or name template) of a pattern, and how many processes carry it.

    Attributes:
        name: With `{n}` where the process's number belongs.
        count: Standing processes; 0 for a churn pattern.
        pattern: What they are like.
        churn_weight: Share of the churn rate, in proportion to the other patterns' weights; 0 for standing processes.
    """

    name: str
    count: int
    pattern: LoadPattern
    churn_weight: float = 0.0

    def message(self) -> dict[str, Any]:
        """As the agent reads it."""
        pattern = self.pattern
        return {
            "name": self.name,
            "count": self.count,
            "churn_weight": self.churn_weight,
            "arguments": list(pattern.arguments),
            "unique_command_line": pattern.unique_command_line,
            "cpu": {
                "shape": pattern.cpu.shape.value,
                "cores": pattern.cpu.cores,
                "period_seconds": pattern.cpu.period(),
            },
            "memory": {
                "shape": pattern.memory.shape.value,
                "bytes": list(pattern.memory.bytes),
                "period_seconds": pattern.memory.period_seconds,
            },
            "lifetime_seconds": list(pattern.lifetime_seconds or (0, 0)),
            "restart": pattern.restart and not pattern.churn,
            "user": pattern.user,
        }


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load starts on each host.

    Attributes:
        profile: Name of the load profile.
        seed: Of everything that the agent draws.
        patterns: In the profile's order.
        churn_per_second: Short-lived processes started per second, over all churn patterns.
        ramp: (seconds since the start, share of population and churn rate), ascending from 0 on; empty = all at once.
    """

    profile: str
    seed: int
    patterns: tuple[PlannedPattern, ...]
    churn_per_second: float = 0.0
    ramp: tuple[tuple[float, float], ...] = ()

    @property
    def processes(self) -> int:
        """Standing processes."""
        return sum(planned.count for planned in self.patterns)

    @property
    def concurrent(self) -> int:
        """Alive at the same time, at most: the standing ones, and the short-lived as if each lived longest."""
        longest = max(
            (_longest(planned.pattern) for planned in self.patterns if planned.churn_weight), default=0.0
        )
        return self.processes + math.ceil(self.churn_per_second * longest)

    @property
    def cpu_cores(self) -> float:
        """On average, all processes together, the growing ones at their height."""
        return sum(alive * pattern.cpu.cores for pattern, alive in self._alive(_average))

    @property
    def memory_bytes(self) -> int:
        """At most, all processes together; the pages of the programs themselves (some 10 KiB each) apart."""
        return math.ceil(sum(alive * pattern.memory.bytes[1] for pattern, alive in self._alive(_longest)))

    def limits(self) -> dict[str, Any]:
        """Caps that a load which does as planned never touches, and one that goes wrong does."""
        # A tenth more, for a start and the end that it follows overlap.
        processes = self.concurrent + math.ceil(self.concurrent / 10) + _SPARE_PROCESSES
        memory = (
            math.ceil(self.memory_bytes * _MEMORY_MARGIN) + processes * _BYTES_PER_PROCESS + _GENERATOR_BYTES
        )
        starts = _CPU_SECONDS_PER_START * self.churn_per_second
        return {
            "processes": processes,
            "memory_bytes": memory,
            "cpu_cores": round(self.cpu_cores * _CPU_MARGIN + _GENERATOR_CORES + starts, 3),
        }

    def request(self, metrics_port: int | None = None) -> dict[str, Any]:
        """What the agent's `start` says of the processes; where, whose and for how long stands beside it.

        Args:
            metrics_port: Where the generator serves its figures on the host's loopback, 0 = any free port; None = nowhere.
        """
        return {
            "seed": self.seed,
            "churn_per_second": self.churn_per_second,
            "ramp": [list(point) for point in self.ramp],
            "limits": self.limits(),
            "metrics_port": metrics_port,
            "patterns": [planned.message() for planned in self.patterns],
        }

    def _alive(self, age: _Age) -> Iterator[tuple[LoadPattern, float]]:
        """For each pattern, processes at the same time; those of a churn pattern by the age at which they end."""
        weights = sum(planned.churn_weight for planned in self.patterns)
        for planned in self.patterns:
            if planned.churn_weight:
                per_second = self.churn_per_second * planned.churn_weight / weights
                yield planned.pattern, per_second * age(planned.pattern)
            else:
                yield planned.pattern, planned.count


def plan(
    profile: LoadProfile, processes: int | None = None, churn_rate: float | None = None, seed: int = 1
) -> LoadPlan:
    """Divide a number of processes among a profile's patterns, and a churn rate among those that have churn.

    Patterns with a count come first, in the order of the profile; if there are fewer processes than they ask for, the
    last ones go short. The rest is divided by weight (largest remainder), so the sum is exact.

    Args:
        profile: What to simulate.
        processes: Standing ones, in all; the profile's default when None.
        churn_rate: Short-lived processes started per second; the profile's default when None.
        seed: Handed on to the agent.

    Raises:
        SpecError: The profile cannot be that; findings with the paths `processes` and `churnRate`.
    """
    total = _total(profile, processes)
    rate = profile.default_churn_rate if churn_rate is None else churn_rate
    _check_churn(profile, rate)
    planned = tuple(
        one
        for pattern, number in zip(profile.patterns, _numbers(profile, total), strict=True)
        for one in (_short_lived(pattern, rate) if pattern.churn else _standing(pattern, number))
    )
    if not planned:
        raise _refused(profile, "churnRate", "nothing would be started", "give a churn rate above 0")
    whole = LoadPlan(profile.name, seed, planned, float(rate), _ramp(profile))
    if whole.concurrent > MAXIMUM_PROCESSES:
        raise _refused(
            profile,
            "churnRate" if total < MAXIMUM_PROCESSES else "processes",
            f"{total} standing processes and {whole.concurrent - total} short-lived ones at the same time are "
            f"{whole.concurrent}, at most {MAXIMUM_PROCESSES} are simulated",
            "ask for fewer processes, a lower churn rate, or shorter lives",
        )
    return whole


def critical_patterns(profile: LoadProfile, processes: int | None = None) -> tuple[str, ...]:
    """Patterns on process.executable.name for the critical services that a plan really starts."""
    planned = (p.name for p in plan(profile, processes).patterns if p.pattern.critical)
    return tuple(dict.fromkeys(f"^{_quoted(name)}$" for name in planned))


def _total(profile: LoadProfile, processes: int | None) -> int:
    if processes is None:
        return profile.default_processes or profile.counted
    most = MAXIMUM_PROCESSES if profile.can_grow else profile.counted
    if 1 <= processes <= most:
        return processes
    if not most:
        reason, fix = "it has short-lived processes only", "leave the number of processes out"
    elif 1 <= processes <= MAXIMUM_PROCESSES:
        reason = f"its counts make {most} processes, and no pattern has a weight to take more"
        fix = f"ask for at most {most}, or give a pattern a weight instead of its count"
    else:
        reason, fix = f"{processes} processes cannot be simulated", f"ask for 1 to {most}"
    raise _refused(profile, "processes", reason, fix)


def _check_churn(profile: LoadProfile, rate: float) -> None:
    if not 0 <= rate <= MAXIMUM_CHURN:
        fix = f"ask for 0 to {MAXIMUM_CHURN:g} per second"
        raise _refused(
            profile, "churnRate", f"{rate:g} short-lived processes per second cannot be simulated", fix
        )
    if rate and not profile.has_churn:
        raise _refused(
            profile,
            "churnRate",
            "none of its patterns has churn, so there is no short-lived process to start",
            "choose a profile that has some, such as process-churn, realistic or high-cardinality",
        )


def _numbers(profile: LoadProfile, total: int) -> list[int]:
    """Standing processes of each pattern."""
    counts: list[int] = []
    for pattern in profile.patterns:
        counts.append(min(pattern.count or 0, total - sum(counts)))
    shares = _apportion(total - sum(counts), [pattern.weight or 0 for pattern in profile.patterns])
    return [count + share for count, share in zip(counts, shares, strict=True)]


def _standing(pattern: LoadPattern, number: int) -> Iterator[PlannedPattern]:
    counts = _in_turn(number, len(pattern.names))
    return (
        PlannedPattern(n, count, pattern) for n, count in zip(pattern.names, counts, strict=True) if count
    )


def _short_lived(pattern: LoadPattern, rate: float) -> Iterator[PlannedPattern]:
    weight = (pattern.churn or 0) / len(pattern.names)
    return (PlannedPattern(name, 0, pattern, weight) for name in pattern.names if rate)


def _ramp(profile: LoadProfile) -> tuple[tuple[float, float], ...]:
    points = tuple((point.at.total_seconds(), point.share) for point in profile.ramp)
    return points if not points or points[0][0] == 0 else ((0.0, 0.0), *points)


def _apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Whole shares that add up to `total`; largest remainder, ties to the earlier. All 0 without any weight."""
    # Exact: rounding could make the whole parts alone more than there is to share.
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    if not whole:
        return [0] * len(weights)
    exact = [total * weight / whole for weight in exact]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (weights[i] == 0, shares[i] - exact[i], i))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def _in_turn(count: int, names: int) -> list[int]:
    """How often each of `names` is used when they take turns."""
    return [count // names + (index < count % names) for index in range(names)]


def _longest(pattern: LoadPattern) -> float:
    return pattern.lifetime_seconds[1] if pattern.lifetime_seconds else 0.0


def _average(pattern: LoadPattern) -> float:
    return sum(pattern.lifetime_seconds) / 2 if pattern.lifetime_seconds else 0.0


def _refused(profile: LoadProfile, path: str, reason: str, fix: str) -> SpecError:
    finding = Finding(Severity.ERROR, "impossible_load", path, f"{profile.name}: {reason}", fix)
    return SpecError(
        f"The load profile {finding.reason}.", findings=[finding], code="impossible_load", hint=fix
    )


def _quoted(template: str) -> str:
    """A template as a regular expression that RE2 and Python read alike."""
    parts = (re.sub(r"([.+])", r"\\\1", part) for part in template.split("{n}"))
    return "[0-9]{4}".join(parts)
