"""Load profiles: what to simulate, and how a number of processes is divided among a profile's patterns.

A profile is a data file (`catalog/loads/NAME.yaml`). `plan` turns it into what the agent's `load` command runs; the
agent draws names, memory and restart times from the seed, so that equal plans are equal loads.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from phoenix.domain.errors import SpecError
from phoenix.domain.spec_faults import findings_of

MAXIMUM_PROCESSES = 5000
"""What one host is asked to carry at most; the agent refuses more."""

PROFILE_ALIASES = {"normal": "realistic", "high-card": "high-cardinality"}
"""Names of former versions."""

_NAME = r"^[A-Za-z0-9_](?:[A-Za-z0-9_.+:@-]|\{n\}){0,150}$"
_STEADY_PERIOD_SECONDS = 0.5

PROTOCOL_VERSION = 1


def canonical_profile(name: object) -> object:
    """The present name of a profile."""
    return PROFILE_ALIASES.get(name, name) if isinstance(name, str) else name


class _Spec(BaseModel):
    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True, allow_inf_nan=False
    )


class LoadSpec(_Spec):
    """The load of an experiment or of a load run."""

    profile: Annotated[str, BeforeValidator(canonical_profile)] = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="Load profile of the catalog.",
        examples=["realistic"],
    )
    processes: int | None = Field(
        default=None,
        ge=1,
        le=MAXIMUM_PROCESSES,
        description="Processes to simulate; the profile's own number when left out.",
    )
    seed: int = Field(
        default=1, ge=0, lt=2**63, description="The same seed draws the same names, memory and restart times."
    )


class CpuShape(StrEnum):
    """How a process uses CPU: never, evenly, or in bursts."""

    IDLE = "idle"
    STEADY = "steady"
    SPIKY = "spiky"


class Cpu(_Spec):
    """CPU of one process.

    Attributes:
        cores: On average over a period.
        period_seconds: Of a spiky process: one burst in each.
    """

    shape: CpuShape = CpuShape.IDLE
    cores: float = Field(default=0.0, ge=0, le=1)
    period_seconds: float = Field(default=_STEADY_PERIOD_SECONDS, ge=0.01, le=3600)

    @model_validator(mode="after")
    def _has_cores_unless_idle(self) -> Self:
        if (self.cores > 0) is (self.shape is CpuShape.IDLE):
            raise ValueError("cores is above zero for steady and spiky processes, and left out for idle ones")
        return self


class Growth(_Spec):
    """Resident memory that grows, up to a maximum."""

    bytes_per_second: float = Field(gt=0)
    maximum_bytes: int = Field(gt=0)


Range = Annotated[tuple[float, float], Field(description="Lowest and highest, drawn evenly.")]


class LoadPattern(_Spec):
    """Processes that are alike.

    Attributes:
        names: Process names, used in turn; `{n}` becomes the process's number among those of its name.
        count: Exactly this many, however many are asked for in all.
        weight: Share of what the patterns with a count leave.
        lifetime_seconds: Each process is replaced by a new one of its name at this age; left out = lives on.
        critical: A service whose loss an experiment must notice.
    """

    names: tuple[Annotated[str, Field(pattern=_NAME)], ...] = Field(min_length=1)
    count: int | None = Field(default=None, ge=1, le=MAXIMUM_PROCESSES)
    weight: float | None = Field(default=None, gt=0)
    cpu: Cpu = Cpu()
    memory_bytes: Range = (0, 0)
    growth: Growth | None = None
    lifetime_seconds: Range | None = None
    arguments: tuple[str, ...] = ()
    unique_command_line: bool = False
    critical: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.count is None) is (self.weight is None):
            raise ValueError("give a count or a weight")
        if not 0 <= self.memory_bytes[0] <= self.memory_bytes[1]:
            raise ValueError("memoryBytes is [lowest, highest]")
        if self.lifetime_seconds and not 1 <= self.lifetime_seconds[0] <= self.lifetime_seconds[1]:
            raise ValueError("lifetimeSeconds is [lowest, highest], from 1 second on")
        return self


class LoadProfile(_Spec):
    """A population to simulate; patterns are in order of importance."""

    name: str
    description: str
    default_processes: int = Field(ge=1, le=MAXIMUM_PROCESSES)
    patterns: tuple[LoadPattern, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_grow(self) -> Self:
        if not any(pattern.weight for pattern in self.patterns):
            raise ValueError("one pattern needs a weight, to take the processes that no count asks for")
        return self


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

    def start_message(self, *, run_dir: str, owner: str, deadline_seconds: float) -> dict[str, Any]:
        """The agent's `start` request.

        Args:
            run_dir: Absolute path on the host, of a folder that does not exist yet.
            owner: Mark in the environment of each process.
            deadline_seconds: The load ends by itself after this.
        """
        return {
            "v": PROTOCOL_VERSION,
            "type": "start",
            "run_dir": run_dir,
            "owner": owner,
            "deadline_seconds": deadline_seconds,
            "seed": self.seed,
            "patterns": [planned.message() for planned in self.patterns],
        }


def parse_profile(document: Mapping[str, Any]) -> LoadProfile:
    """Read a profile file.

    Raises:
        SpecError: With every fault of the document.
    """
    try:
        return LoadProfile.model_validate(document)
    except ValidationError as invalid:
        raise SpecError(
            "the load profile is not valid", findings=findings_of(invalid, LoadProfile)
        ) from invalid


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
