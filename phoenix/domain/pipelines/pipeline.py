"""A pipeline: how a document names one, and what the catalog says about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phoenix.domain.forms import as_form, title_of
from phoenix.domain.pipelines.parameters import Parameter

CRITICAL_PARAMETER = "critical"
"""Where a pipeline has this parameter, an experiment's `criticalProcesses` are its value."""

INTERVAL_PARAMETER = "scrape_interval"
"""Where a pipeline has this parameter, an experiment's `scrapeInterval` is its value."""

EXPORTERS_PARAMETER = "exporters"
"""What the `active` slot exports to; no part of the template, and so of no version."""


class PipelineRef(BaseModel):
    """Names a pipeline: one of the catalog with parameters, or a collector configuration of the user's own."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, field_title_generator=title_of, json_schema_extra=as_form
    )

    pipeline: str | None = Field(
        default=None,
        min_length=1,
        description="Name or alias of a catalog pipeline.",
        examples=["process-topk-v1"],
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Values for the catalog pipeline's parameters; the rest keep their defaults.",
    )
    file: str | None = Field(
        default=None,
        min_length=1,
        description="Path of a collector configuration, relative to this document.",
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.pipeline is None) == (self.file is None):
            raise ValueError(
                "name exactly one of `pipeline` (of the catalog) and `file` (your own configuration)"
            )
        if self.file is not None and self.parameters:
            raise ValueError("`parameters` belong to a catalog pipeline; a `file` is taken as it is")
        return self

    @property
    def display_name(self) -> str:
        """What tables and logs call it: the name as written."""
        return self.pipeline or self.file or ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One entry of the catalog.

    Attributes:
        name: Its folder's name; what versions and records hold.
        aliases: Further names it goes by.
        title: A few words.
        description: A paragraph.
        expected_reduction: What was seen elsewhere, in words; "" where unknown. Never used for a judgement.
        parameters: In the order of the page.
        template: Receivers, processors and service.pipelines, with `${param:NAME}` in them.
        page: README, Markdown.
    """

    name: str
    aliases: tuple[str, ...]
    title: str
    description: str
    expected_reduction: str
    parameters: tuple[Parameter, ...]
    template: Mapping[str, object]
    page: str

    def has_parameter(self, name: str) -> bool:
        return any(parameter.name == name for parameter in self.parameters)
