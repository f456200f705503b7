"""The one spec: scenario file, body of the API, parameter of the flow, and `spec` of the Kubernetes kind.

    apiVersion: phoenix.io/v1alpha1
    kind: Experiment
    metadata: {name: topk-on-web}
    spec: {baseline: ..., candidate: ..., targets: [local], objective: ..., ...}

`read_document` reports every wrong field at once, each with its path and what would be right.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from phoenix.domain.criteria import Criterion, Kind, Role, allowed_kinds
from phoenix.domain.durations import Duration, format_duration
from phoenix.domain.errors import SpecError
from phoenix.domain.forms import as_form, title_of
from phoenix.domain.load.profile import LoadSpec
from phoenix.domain.metrics import NATURES, Metric
from phoenix.domain.patterns import check_pattern
from phoenix.domain.phases import Decision, OnHostFailure, OnPromote
from phoenix.domain.pipelines.pipeline import PipelineRef
from phoenix.domain.scenario import from_scenario, is_scenario
from phoenix.domain.spec_faults import findings_of

API_VERSION = "phoenix.io/v1alpha1"
"""Group and version of every document and Kubernetes kind."""

SHORTEST_INTERVAL = timedelta(seconds=1)
"""Below it a collector's CPU counter (10 ms ticks) and the process scraper's own cost drown what is measured."""

MINIMUM_SCRAPES = 24
"""Fewest paired scrapes from which an interval is computed at all (docs/statistics.md, 8)."""


SHORTEST_APPROVAL = timedelta(seconds=5)
"""Nobody answers faster; tests do."""

LONGEST_APPROVAL = timedelta(days=7)
"""Both variants and the load run on while a person is asked; beyond a week the measurement is an old one."""


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


class Objective(_Spec):
    """What the candidate is for."""

    metric: Metric = Field(description="The quantity to cut.")
    minimum_reduction: float = Field(
        ge=0, lt=1, description="Smallest reduction against the baseline that is worth it, as a fraction."
    )

    @field_validator("metric")
    @classmethod
    def _is_judged_by_an_interval(cls, metric: Metric) -> Metric:
        if not NATURES[metric].is_ratio_judged:
            judged = ", ".join(m.value for m in Metric if NATURES[m].is_ratio_judged)
            raise ValueError(f"{metric.value} is reported and decides nothing; an objective may be: {judged}")
        return metric


class Guardrail(_Spec):
    """What the candidate must not harm: a metric and exactly one limit."""

    metric: Metric = Field(description="The quantity that must keep to a limit.")
    minimum: float | None = Field(
        default=None, description="Level that must be reached, in the metric's unit."
    )
    maximum: float | None = Field(default=None, description="Level not to exceed, in the metric's unit.")
    maximum_increase: float | None = Field(
        default=None, ge=0, description="Largest increase against the baseline, as a fraction."
    )

    def limits(self) -> dict[Kind, float]:
        given = {
            Kind.MINIMUM: self.minimum,
            Kind.MAXIMUM: self.maximum,
            Kind.MAXIMUM_INCREASE: self.maximum_increase,
        }
        return {kind: limit for kind, limit in given.items() if limit is not None}

    @model_validator(mode="after")
    def _has_one_allowed_limit(self) -> Self:
        allowed = allowed_kinds(self.metric)
        wanted = " or ".join(kind.value for kind in allowed)
        if not allowed:
            raise ValueError(f"{self.metric.value} is reported and decides nothing; it cannot be a guardrail")
        if len(self.limits()) != 1:
            raise ValueError(f"give exactly one limit; {self.metric.value} takes {wanted}")
        kind, limit = next(iter(self.limits().items()))
        if kind not in allowed:
            raise ValueError(f"{self.metric.value} does not take {kind.value}; it takes {wanted}")
        if NATURES[self.metric].is_floor and not 0 < limit <= 1:
            raise ValueError(f"{self.metric.value} is a share: its minimum lies above 0 and at most at 1")
        if kind is Kind.MAXIMUM and limit <= 0:
            raise ValueError(f"a maximum of {limit:g} {NATURES[self.metric].unit} can never hold")
        return self

    def criterion(self) -> Criterion:
        kind, limit = next(iter(self.limits().items()))
        return Criterion(self.metric, Role.GUARDRAIL, kind, limit)


Pattern = Annotated[
    str, Field(description="Regular expression on process.executable.name.", examples=["^nginx$"])
]


class Approval(_Spec):
    """How long a person is asked whether to promote, and what happens when nobody answers."""

    time_limit: Duration = Field(
        default=timedelta(hours=1),
        description="How long to wait for the answer: 5s to 168h (7 days). Both variants and the load run on.",
        json_schema_extra={"default": "1h"},
    )
    otherwise: Decision = Field(
        default=Decision.DECLINE, description="What happens when nobody answered in that time."
    )

    @field_validator("time_limit")
    @classmethod
    def _is_bearable(cls, limit: timedelta) -> timedelta:
        if not SHORTEST_APPROVAL <= limit <= LONGEST_APPROVAL:
            bounds = f"{format_duration(SHORTEST_APPROVAL)} to {format_duration(LONGEST_APPROVAL)}"
            raise ValueError(f"{format_duration(limit)} is outside {bounds}")
        return limit


class ExperimentSpec(_Spec):
    """Two pipelines, where they run, for how long, and what decides."""

    baseline: PipelineRef = Field(description="The pipeline you pay for today.")
    candidate: PipelineRef = Field(description="The pipeline that may replace it.")
    targets: tuple[str, ...] = Field(
        default=("local",),
        min_length=1,
        description="Hosts: local, local://NAME, ssh://..., saved names, or labels: role=web.",
    )
    on_host_failure: OnHostFailure = Field(
        default=OnHostFailure.STOP,
        description="What a host that cannot be taken, deployed to or loaded does to the run.",
    )
    load: LoadSpec | None = Field(default=None, description="Simulated processes; none when left out.")
    scrape_interval: Duration = Field(
        default=timedelta(seconds=5),
        description="Of both arms; overrides a pipeline's own.",
        json_schema_extra={"default": "5s"},
    )
    warmup: int = Field(default=24, ge=3, le=10_000, description="Scrapes thrown away at the start.")
    minimum_scrapes: int = Field(
        default=120, ge=MINIMUM_SCRAPES, le=100_000, description="Scrapes before an interval may decide."
    )
    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="Two-sided error rate of the intervals.")
    maximum_duration: Duration = Field(
        default=timedelta(minutes=30),
        validate_default=True,
        description="Inconclusive is the answer after it.",
        json_schema_extra={"default": "30m"},
    )
    critical_processes: tuple[Pattern, ...] = Field(
        default=(), description="Processes that must never be lost, by process.executable.name."
    )
    objective: Objective = Field(
        description="What the candidate is for: the quantity to cut, and by how much."
    )
    guardrails: tuple[Guardrail, ...] = Field(
        default=(), description="What the candidate must not harm: a metric and exactly one limit each."
    )
    on_promote: OnPromote = Field(default=OnPromote.REPORT, description="What a PROMOTE verdict sets off.")
    approval: Approval = Field(
        default=Approval(),
        description="Where onPromote is approve: how long to ask, and what happens without an answer.",
        json_schema_extra={"default": {"timeLimit": "1h", "otherwise": "decline"}},
    )
    watch: Duration = Field(
        default=timedelta(minutes=10),
        description="How long a promoted pipeline is held against the guardrails.",
        json_schema_extra={"default": "10m"},
    )

    @field_validator("scrape_interval")
    @classmethod
    def _is_measurable(cls, interval: timedelta) -> timedelta:
        if interval < SHORTEST_INTERVAL:
            raise ValueError(f"{format_duration(interval)} is too short to measure; at least 1s")
        return interval

    @field_validator("critical_processes")
    @classmethod
    def _are_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for number, pattern in enumerate(patterns):
            if reason := check_pattern(pattern):
                raise ValueError(f"[{number}] {pattern!r} {reason}")
        return patterns

    @field_validator("targets")
    @classmethod
    def _are_distinct(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(targets)) != len(targets):
            raise ValueError("a target is named twice")
        return targets

    @field_validator("maximum_duration")
    @classmethod
    def _fits_into_its_time(cls, maximum: timedelta, others: ValidationInfo) -> timedelta:
        names = ("warmup", "minimum_scrapes", "scrape_interval")
        if any(name not in others.data for name in names):
            return maximum  # one of them is wrong itself, and reported
        warmup, minimum, interval = (others.data[name] for name in names)
        if (needed := (warmup + minimum) * interval) > maximum:
            raise ValueError(
                f"warmup + minimumScrapes take {format_duration(needed)} at {format_duration(interval)}, "
                f"maximumDuration is {format_duration(maximum)}; raise it or lower the others"
            )
        return maximum

    @field_validator("guardrails")
    @classmethod
    def _guard_something(
        cls, guardrails: tuple[Guardrail, ...], others: ValidationInfo
    ) -> tuple[Guardrail, ...]:
        retention = any(g.metric is Metric.CRITICAL_RETENTION for g in guardrails)
        if retention and others.data.get("critical_processes") == ():
            raise ValueError("critical_retention guards nothing without criticalProcesses; name them")
        return guardrails

    def criteria(self) -> tuple[Criterion, ...]:
        """The objective, then the guardrails in their order."""
        objective = Criterion(
            self.objective.metric, Role.OBJECTIVE, Kind.MINIMUM_REDUCTION, self.objective.minimum_reduction
        )
        return (objective, *(guardrail.criterion() for guardrail in self.guardrails))

    def last_scrape(self) -> int:
        """Number of the scrape at which the maximum duration is reached."""
        return math.floor(self.maximum_duration / self.scrape_interval)


ExperimentName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="Lower-case letters, digits and dashes."
    ),
]


class Metadata(_Spec):
    """Who the experiment is."""

    name: ExperimentName


class ExperimentDocument(_Spec):
    """The file: envelope and spec."""

    api_version: Literal["phoenix.io/v1alpha1"]
    kind: Literal["Experiment"]
    metadata: Metadata
    spec: ExperimentSpec

    def as_document(self) -> dict[str, object]:
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def read_document(content: object) -> ExperimentDocument:
    """Check a parsed document.

    Args:
        content: What a YAML or JSON file held; the PRD's scenario keys are read too.

    Raises:
        SpecError: With one finding for every wrong field.
    """
    if not isinstance(content, Mapping):
        raise SpecError(
            "This is no experiment: a mapping is expected at the top.",
            hint="start from the example that `phoenix experiment run --help` names",
        )
    if is_scenario(content):
        content = from_scenario(content)
    try:
        return ExperimentDocument.model_validate(dict(content))
    except ValidationError as invalid:
        findings = findings_of(invalid, ExperimentDocument)
        count = "1 field is" if len(findings) == 1 else f"{len(findings)} fields are"
        raise SpecError(f"The experiment is not valid: {count} wrong.", findings=findings) from invalid
