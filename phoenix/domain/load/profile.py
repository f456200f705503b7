"""Load profiles: what to simulate, as documents (`catalog/loads/NAME.yaml`, or a file of the user's own)."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from phoenix.domain.durations import DURATION_PATTERN, format_duration, parse_duration
from phoenix.domain.errors import SpecError
from phoenix.domain.forms import as_form, title_of
from phoenix.domain.pipelines.parameter_values import read_bytes
from phoenix.domain.spec_faults import findings_of, matching

MAXIMUM_PROCESSES = 5000
"""What one host is asked to carry at most, the short-lived included; the agent refuses more."""

MAXIMUM_CHURN = 200.0
"""Short-lived processes started per second, at most: a start costs some ms of a core, and the load is a guest."""

PROFILE_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"

_PROFILE = r"^([a-z0-9][a-z0-9-]{0,62}|.*/.*|.+\.ya?ml)$"
_NAME = r"^[A-Za-z0-9_](?:[A-Za-z0-9_.+:@-]|\{n\}){0,150}$"
_NO_PROFILE = "it is no name (small letters, digits, hyphens) and no path (with a slash, or ending in .yaml)"
_NO_NAME = "a process's name has letters, digits, _.+:@- and {n} for its number only, no sign but _ first"
_USER = r"^[A-Za-z_][A-Za-z0-9_.@-]{0,62}\$?$"
_LONGEST_NAME = 200
_SHORTEST_PERIOD, _LONGEST_PERIOD = 0.01, 86_400.0
_LARGEST = 2**48
_Item = TypeVar("_Item")
_MAXIMUM_WEIGHT = 1e9


class _Spec(BaseModel):
    model_config = ConfigDict(
        field_title_generator=title_of,
        json_schema_extra=as_form,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        allow_inf_nan=False,
    )


class LoadSpec(_Spec):
    """The load of an experiment or of a load run."""

    # No alias is resolved here: aliases stand in the profiles' documents, which only the catalog reads, as it does
    # for pipelines. Two places would sooner or later disagree.
    profile: Annotated[str, matching(_PROFILE, _NO_PROFILE)] = Field(
        pattern=_PROFILE,
        max_length=4096,
        description="Name or alias of a load profile of the catalog, or the path of a file (with a slash, or ending "
        "in .yaml), relative to this document.",
        examples=["realistic", "./my-host.yaml"],
    )
    processes: int | None = Field(
        default=None,
        ge=1,
        le=MAXIMUM_PROCESSES,
        description="Standing processes to simulate; the profile's own number when left out.",
    )
    churn_rate: float | None = Field(
        default=None,
        ge=0,
        le=MAXIMUM_CHURN,
        description="Short-lived processes started per second; the profile's own rate when left out.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        lt=2**63,
        description="The same seed draws the same names, memory, lifetimes and CPU.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="Changes to the profile by dotted path, such as `patterns.0.cpu.cores: 0.1`; in a profile with "
        "one pattern a field of that by its bare name.",
        examples=[{"count": 20, "cpu.shape": "spiky"}],
    )


def names_file(profile: str) -> bool:
    """Whether a `LoadSpec.profile` is a path: a name of the catalog has neither a slash nor an ending."""
    return "/" in profile or profile.endswith((".yaml", ".yml"))


class CpuShape(StrEnum):
    """How a process uses CPU over time."""

    IDLE = "idle"
    STEADY = "steady"
    SPIKY = "spiky"
    GROWING = "growing"
    RANDOM = "random"


class MemoryShape(StrEnum):
    """How a process's resident memory behaves over time."""

    STEADY = "steady"
    SPIKY = "spiky"
    GROWING = "growing"
    RANDOM = "random"


DEFAULT_CPU_PERIODS: Mapping[CpuShape, float] = {CpuShape.SPIKY: 10.0, CpuShape.GROWING: 60.0}
"""Seconds, where a profile leaves `periodSeconds` out; the other shapes work in half seconds by themselves."""

_HALF_SECOND = 0.5
DEFAULT_MEMORY_PERIOD = 60.0

Period = Annotated[float, Field(ge=_SHORTEST_PERIOD, le=_LONGEST_PERIOD)]


class Cpu(_Spec):
    """CPU of one process.

    Attributes:
        cores: On average; of a growing process at its height.
        period_seconds: Of a spiky process: one burst in each. Of a growing one: how long it grows. Without effect
            elsewhere; left out = as `DEFAULT_CPU_PERIODS` has it.
    """

    shape: CpuShape = CpuShape.IDLE
    cores: float = Field(default=0.0, ge=0, le=1, validate_default=True)
    period_seconds: Period | None = None

    @field_validator("cores")
    @classmethod
    def _are_none_where_idle(cls, cores: float, others: ValidationInfo) -> float:
        shape = others.data.get("shape")
        if shape is CpuShape.IDLE and cores:
            raise ValueError("an idle process uses no cores; leave them out or choose another shape")
        if shape not in (None, CpuShape.IDLE) and not cores:
            raise ValueError(f"a process whose CPU is {shape} uses some; give cores, above 0 and at most 1")
        return cores

    def period(self) -> float:
        """Seconds, whether given or not."""
        return self.period_seconds or DEFAULT_CPU_PERIODS.get(self.shape, _HALF_SECOND)


def _is_ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("it is [lowest, highest], and the first is above the second")
    return bounds


def _size(value: object) -> object:
    """Bytes; text such as 4MiB is read as it is for pipelines, or one that is only digits (`--set`)."""
    if not isinstance(value, str) or value.isdecimal():
        return value
    try:
        return read_bytes(value)
    except ValueError as fault:
        raise ValueError(f"it {fault}") from fault


Size = Annotated[int, BeforeValidator(_size), Field(ge=0, le=_LARGEST)]
Sizes = Annotated[tuple[Size, Size], AfterValidator(_is_ascending)]
Seconds = Annotated[float, Field(gt=0, le=_LONGEST_PERIOD)]
Lifetimes = Annotated[tuple[Seconds, Seconds], AfterValidator(_is_ascending)]


class Memory(_Spec):
    """Resident memory of one process, beside the few KiB of its program.

    Attributes:
        bytes: Lowest and highest.
        period_seconds: Of spiky, growing and random memory; without effect on steady.
    """

    shape: MemoryShape = MemoryShape.STEADY
    bytes: Sizes = (0, 0)
    period_seconds: Period = DEFAULT_MEMORY_PERIOD


def _fits_a_process(name: str) -> str:
    if len(name.replace("{n}", "0000")) > _LONGEST_NAME:
        raise ValueError(f"it is longer than {_LONGEST_NAME} characters with {{n}} written out")
    return name


def _is_an_argument(text: str) -> str:
    if "\0" in text:
        raise ValueError("an argument cannot hold NUL")
    return text


def _is_not_empty(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    # Not `min_length`: pydantic counts only the items that are right, and would report a list of wrong ones as short.
    if not items:
        raise ValueError("at least one is needed")
    return items


_SOME: Any = Field(json_schema_extra={"minItems": 1})

Name = Annotated[str, matching(_NAME, _NO_NAME), Field(pattern=_NAME), AfterValidator(_fits_a_process)]
Argument = Annotated[str, Field(max_length=4096), AfterValidator(_is_an_argument)]
Weight = Annotated[float, Field(gt=0, le=_MAXIMUM_WEIGHT)]


class LoadPattern(_Spec):
    """Processes that are alike; exactly one of `count`, `weight` and `churn` says how many.

    Attributes:
        names: Process names, used in turn; `{n}` becomes the process's four-digit number among those of its name.
        count: Exactly this many, however many are asked for in all.
        weight: Share of what the patterns with a count leave.
        churn: Share of the churn rate: short-lived processes, started one after the other.
        lifetime_seconds: Lowest and highest age at which a process ends; left out = it lives on.
        restart: Whether a standing process that ended, or was killed, is replaced by a new one of its name.
        user: Name of the user of the host whose rights it has; None = those of the generator.
        arguments: Of its command line, after the name.
        unique_command_line: Adds arguments that no other process has.
        critical: A service whose loss an experiment must notice.
    """

    names: Annotated[tuple[Name, ...], AfterValidator(_is_not_empty)] = _SOME
    count: int | None = Field(default=None, ge=1, le=MAXIMUM_PROCESSES)
    weight: Weight | None = None
    churn: Weight | None = None
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    lifetime_seconds: Lifetimes | None = Field(default=None, validate_default=True)
    restart: bool = True
    user: str | None = Field(default=None, pattern=_USER)
    arguments: tuple[Argument, ...] = Field(default=(), max_length=64)
    unique_command_line: bool = False
    critical: bool = False

    @field_validator("lifetime_seconds")
    @classmethod
    def _end_as_their_kind_does(
        cls, lifetimes: tuple[float, float] | None, others: ValidationInfo
    ) -> tuple[float, float] | None:
        is_churn = others.data.get("churn") is not None
        if is_churn and lifetimes is None:
            raise ValueError("a churn pattern needs it: [lowest, highest] age in seconds")
        if not is_churn and lifetimes and lifetimes[0] < 1:
            raise ValueError("a standing process lives at least 1 second; for shorter lives use churn")
        return lifetimes

    @field_validator("restart", "critical")
    @classmethod
    def _belong_to_what_stands(cls, value: bool, others: ValidationInfo) -> bool:
        if value and others.data.get("churn") is not None:
            raise ValueError(
                "processes of a churn pattern come and go: none is replaced and none is critical; leave it out"
            )
        return value

    @model_validator(mode="after")
    def _says_how_many(self) -> Self:
        if sum(value is not None for value in (self.count, self.weight, self.churn)) != 1:
            raise ValueError("give exactly one of count, weight and churn")
        return self


def _offset(value: object) -> timedelta:
    """As a duration, and `0s` besides: a ramp may say where it begins."""
    if isinstance(value, timedelta) and value >= timedelta(0):
        return value
    if not isinstance(value, str):
        raise ValueError(f'{value!r} has no unit: write a number with its unit, such as "30s"')  # noqa: TRY004 (one fault class)
    return timedelta(0) if value == "0s" else parse_duration(value)


def _offset_text(value: timedelta) -> str:
    return format_duration(value) if value else "0s"


class RampPoint(_Spec):
    """How much of the load is wanted at an instant; between two points it rises or falls evenly."""

    at: Annotated[
        timedelta,
        BeforeValidator(_offset, json_schema_input_type=str),
        PlainSerializer(_offset_text, return_type=str),
        WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["0s", "30s"]}),
    ] = Field(description="After the start of the load.")
    share: float = Field(ge=0, le=1, description="Of the standing processes and of the churn rate.")


class LoadProfile(_Spec):
    """A population to simulate; patterns are in order of importance.

    Attributes:
        aliases: Further names it goes by in the catalog.
        default_processes: Standing processes where nobody asks for a number; None where no pattern has a weight, for
            then they are as many as the counts say.
        default_churn_rate: Short-lived processes started per second, where nobody asks for a rate.
        ramp: Ascending; before the first point the share rises from nothing, after the last it stays. Empty = all at once.
    """

    name: str = Field(pattern=PROFILE_NAME)
    description: str = Field(min_length=1)
    aliases: tuple[Annotated[str, Field(pattern=PROFILE_NAME)], ...] = ()
    patterns: Annotated[tuple[LoadPattern, ...], AfterValidator(_is_not_empty)] = _SOME
    default_processes: int | None = Field(default=None, ge=1, le=MAXIMUM_PROCESSES, validate_default=True)
    default_churn_rate: float = Field(default=0.0, ge=0, le=MAXIMUM_CHURN)
    ramp: tuple[RampPoint, ...] = Field(default=(), max_length=100)

    @field_validator("ramp")
    @classmethod
    def _rises(cls, ramp: tuple[RampPoint, ...]) -> tuple[RampPoint, ...]:
        times = [point.at for point in ramp]
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("its points are in order of time, each later than the one before")
        if ramp and max(point.share for point in ramp) < 1:
            raise ValueError(
                "it never reaches a share of 1, so fewer processes would run than were asked for"
            )
        return ramp

    @field_validator("patterns")
    @classmethod
    def _are_not_too_many(cls, patterns: tuple[LoadPattern, ...]) -> tuple[LoadPattern, ...]:
        if (counted := _counted(patterns)) > MAXIMUM_PROCESSES:
            raise ValueError(
                f"their counts make {counted} processes, at most {MAXIMUM_PROCESSES} are simulated"
            )
        return patterns

    @field_validator("default_processes")
    @classmethod
    def _are_what_the_patterns_can_be(cls, processes: int | None, others: ValidationInfo) -> int | None:
        patterns: tuple[LoadPattern, ...] | None = others.data.get("patterns")
        if patterns is None:
            return processes  # wrong themselves, and reported
        if any(pattern.weight for pattern in patterns):
            if processes is None:
                raise ValueError("it must be given where a pattern has a weight")
        elif processes not in (None, counted := _counted(patterns)):
            raise ValueError(
                f"no pattern has a weight, so the counts say how many there are ({counted}); leave it out"
            )
        return processes

    @field_validator("default_churn_rate")
    @classmethod
    def _has_something_to_start(cls, rate: float, others: ValidationInfo) -> float:
        patterns: tuple[LoadPattern, ...] | None = others.data.get("patterns")
        if rate and patterns is not None and not any(pattern.churn for pattern in patterns):
            raise ValueError("it starts nothing where no pattern has churn")
        return rate

    @property
    def counted(self) -> int:
        """Processes of the patterns with a count."""
        return _counted(self.patterns)

    @property
    def can_grow(self) -> bool:
        """Whether some pattern takes the processes that no count asks for."""
        return any(pattern.weight for pattern in self.patterns)

    @property
    def has_churn(self) -> bool:
        return any(pattern.churn for pattern in self.patterns)


def _counted(patterns: Iterable[LoadPattern]) -> int:
    return sum(pattern.count or 0 for pattern in patterns)


def parse_profile(document: Mapping[str, Any]) -> LoadProfile:
    """Read a profile's document.

    Raises:
        SpecError: With every fault of the document, each with its path.
    """
    try:
        return LoadProfile.model_validate(document)
    except ValidationError as invalid:
        findings = findings_of(invalid, LoadProfile)
        faults = "1 fault" if len(findings) == 1 else f"{len(findings)} faults"
        raise SpecError(
            f"The load profile is not valid: {faults}.", findings=findings, code="wrong_load_profile"
        ) from invalid
