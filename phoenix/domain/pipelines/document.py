"""`pipeline.yaml`: what a catalog entry declares about itself, checked in full."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, ValidationError
from pydantic.alias_generators import to_camel

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.pipelines.parameters import Parameter, ParameterType, read_value
from phoenix.domain.spec_faults import findings_of

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class _Document(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, alias_generator=to_camel, populate_by_name=True
    )


class ParameterDocument(_Document):
    """One of `parameters`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    type: ParameterType
    default: object
    help: str = Field(min_length=1)
    minimum: StrictInt | StrictFloat | StrictStr | None = None
    maximum: StrictInt | StrictFloat | StrictStr | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()

    def parameter(self) -> Parameter:
        return Parameter(
            name=self.name,
            type=self.type,
            default=self.default,
            help=self.help,
            minimum=self.minimum,
            maximum=self.maximum,
            unit=self.unit,
            choices=self.choices,
        )


class PipelineDocument(_Document):
    """The file."""

    name: Name
    aliases: tuple[Name, ...] = ()
    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    expected_reduction: str = ""
    parameters: tuple[ParameterDocument, ...] = ()


def read_pipeline_document(content: Mapping[str, object]) -> PipelineDocument | tuple[Finding, ...]:
    """The checked document, or every fault of it."""
    try:
        document = PipelineDocument.model_validate(content)
    except ValidationError as invalid:
        return findings_of(invalid, PipelineDocument)
    faults = _parameter_faults(document.parameters)
    return faults or document


def _parameter_faults(parameters: Sequence[ParameterDocument]) -> tuple[Finding, ...]:
    """A default that its own bounds refuse, or a name given twice, would surprise at the first use."""
    findings: list[Finding] = []
    for number, declared in enumerate(parameters):
        path = join_path("parameters", number)
        if declared.name in {earlier.name for earlier in parameters[:number]}:
            findings.append(
                _fault(join_path(path, "name"), f"{declared.name} is declared twice", "rename one")
            )
        try:
            read_value(declared.parameter(), declared.default)
        except (ValueError, TypeError) as fault:
            reason = f"{declared.name} {fault}"
            findings.append(_fault(join_path(path, "default"), reason, "correct the default or the bounds"))
    return tuple(findings)


def _fault(path: str, reason: str, fix: str) -> Finding:
    return Finding(Severity.ERROR, "catalog_entry", path, reason, fix)
