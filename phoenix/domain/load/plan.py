"""How a number of processes is divided among a profile's patterns: what the agent's `load` command runs.

The agent draws names, memory and restart times from the seed, so that equal plans are equal loads.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.domain.load.profile import LoadPattern, LoadProfile


@dataclass(frozen=True, slots=True)
class PlannedPattern:
    """One name (or name template) of a pattern, and how many processes carry it."""

    name: str
    count: int
    pattern: LoadPattern

    def message(self) -> dict[str, Any]:
        """As the agent reads it."""
        pattern = self.pattern
        return {
            "name": self.name,
            "count": self.count,
            "cpu": pattern.cpu.model_dump(mode="json"),
            "memory_bytes": list(pattern.memory_bytes),
            "growth": pattern.growth.model_dump(mode="json") if pattern.growth else None,
            "lifetime_seconds": list(pattern.lifetime_seconds or (0, 0)),
            "arguments": list(pattern.arguments),
            "unique_command_line": pattern.unique_command_line,
        }


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load run starts."""

    profile: str
    seed: int
    patterns: tuple[PlannedPattern, ...]

    @property
    def processes(self) -> int:
        return sum(planned.count for planned in self.patterns)

    @property
    def cpu_cores(self) -> float:
        """On average, all processes together."""
        return sum(planned.count * planned.pattern.cpu.cores for planned in self.patterns)

    @property
    def memory_bytes(self) -> int:
        """At most, grown processes included; the pages of the programs themselves (some 10 KiB each) apart."""
        return sum(planned.count * _most_memory(planned.pattern) for planned in self.patterns)

    def request(self) -> dict[str, Any]:
        """What the agent's `start` says of the processes; where, whose and for how long stands beside it."""
        return {"seed": self.seed, "patterns": [planned.message() for planned in self.patterns]}


def plan(profile: LoadProfile, processes: int | None = None, seed: int = 1) -> LoadPlan:
    """Divide a number of processes among a profile's patterns.

    Patterns with a count come first, in the order of the profile; if there are fewer processes than they ask for, the
    last ones go short. The rest is divided by weight (largest remainder), so the sum is exact.

    Args:
        profile: What to simulate.
        processes: How many in all; the profile's default when None.
        seed: Handed on to the agent.
    """
    total = profile.default_processes if processes is None else processes
    counts: list[int] = []
    for pattern in profile.patterns:
        counts.append(min(pattern.count or 0, total - sum(counts)))
    shares = _apportion(total - sum(counts), [pattern.weight or 0 for pattern in profile.patterns])
    planned = (
        PlannedPattern(name, count, pattern)
        for pattern, fixed, share in zip(profile.patterns, counts, shares, strict=True)
        for name, count in zip(pattern.names, _in_turn(fixed + share, len(pattern.names)), strict=True)
        if count
    )
    return LoadPlan(profile.name, seed, tuple(planned))


def critical_patterns(profile: LoadProfile, processes: int | None = None) -> tuple[str, ...]:
    """Patterns on process.executable.name for the critical services that a plan really starts."""
    planned = (p.name for p in plan(profile, processes).patterns if p.pattern.critical)
    return tuple(dict.fromkeys(f"^{_quoted(name)}$" for name in planned))


def _apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Whole shares that add up to `total`; largest remainder, ties to the earlier."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (weights[i] == 0, shares[i] - exact[i], i))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def _in_turn(count: int, names: int) -> list[int]:
    """How often each of `names` is used when they take turns."""
    return [count // names + (index < count % names) for index in range(names)]


def _most_memory(pattern: LoadPattern) -> int:
    grown = pattern.growth.maximum_bytes if pattern.growth else 0
    return max(int(pattern.memory_bytes[1]), grown)


def _quoted(template: str) -> str:
    """A template as a regular expression that RE2 and Python read alike."""
    parts = (re.sub(r"([.+])", r"\\\1", part) for part in template.split("{n}"))
    return "[0-9]{4}".join(parts)
