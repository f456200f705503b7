"""Pipelines of the catalog as documents, the same for every door."""

from collections.abc import Mapping, Sequence
from typing import Any

from phoenix.domain.findings import Finding, as_document
from phoenix.domain.pipelines.pipeline import Pipeline
from phoenix.services.pipelines import ResolvedPipeline


def pipeline_row(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline in a list."""
    return {"name": pipeline.name, "aliases": list(pipeline.aliases), "title": pipeline.title}


def pipeline_document(pipeline: Pipeline, resolved: ResolvedPipeline) -> dict[str, Any]:
    """A pipeline, what it becomes with some settings, and every parameter with its value."""
    return {
        **pipeline_row(pipeline),
        "description": pipeline.description,
        "version": resolved.own.version,
        "parameters": parameter_rows(pipeline, resolved.parameters),
    }


def parameter_rows(pipeline: Pipeline, values: Mapping[str, object]) -> list[dict[str, Any]]:
    """One row a parameter, in the order of the page."""
    return [
        {
            "name": parameter.name,
            "type": parameter.type.value,
            "value": values[parameter.name],
            "default": parameter.default,
            "minimum": parameter.minimum,
            "maximum": parameter.maximum,
            "unit": parameter.unit,
            "choices": list(parameter.choices),
            "help": parameter.help,
        }
        for parameter in pipeline.parameters
    ]


def validation_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """What a check found; valid is what has no finding at all."""
    return {"valid": not findings, "findings": [as_document(finding) for finding in findings]}
