"""Load profiles: what to simulate, as data files (`catalog/loads/NAME.yaml`)."""

from collections.abc import Mapping
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
