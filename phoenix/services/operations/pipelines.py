"""Pipelines as documents, for every door."""

from collections.abc import Mapping

from phoenix.adapters.operations import Document, PipelineOperations
from phoenix.domain.findings import as_document
from phoenix.services.loads.starting import LoadProfiles
from phoenix.services.loads.summaries import profile_document
from phoenix.services.operations.choices import Choice, ChosenPipelines, refuse_files_in
from phoenix.services.pipelines import Pipelines, config_to_serve
from phoenix.services.views.catalog import pipeline_document, pipeline_row, validation_document


class LocalPipelines(PipelineOperations):
    """Pipelines of this installation.

    Args:
        pipelines: Of the catalog, and of text.
        profiles: What a load may be.
    """

    def __init__(self, pipelines: Pipelines, profiles: LoadProfiles) -> None:
        self._pipelines = pipelines
        self._chosen = ChosenPipelines(pipelines)
        self._profiles = profiles

    def list(self) -> Document:
        return {
            "items": [
                {
                    **pipeline_row(entry),
                    "description": entry.description,
                    "expectedReduction": entry.expected_reduction or None,
                    "parameters": [parameter.name for parameter in entry.parameters],
                }
                for entry in self._pipelines.list()
            ]
        }

    def get(self, name: str, settings: Mapping[str, str] | None = None) -> Document:
        refuse_files_in(settings or {})
        pipeline, resolved = self._pipelines.show(name, settings)
        return {
            **pipeline_document(pipeline, resolved),
            "expectedReduction": pipeline.expected_reduction or None,
            "page": pipeline.page,
            "config": config_to_serve(resolved),
            "findings": [as_document(finding) for finding in resolved.findings],
        }

    def validate(
        self,
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> Document:
        return validation_document(self._chosen.findings(Choice(pipeline, config, settings or {})))

    def render(
        self,
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> Document:
        resolved = self._chosen.rendered(Choice(pipeline, config, settings or {}))
        return {
            "pipeline": resolved.name,
            "version": resolved.own.version,
            "config": config_to_serve(resolved),
            "parameters": dict(resolved.parameters),
            "findings": [as_document(finding) for finding in resolved.findings],
        }

    def load_profiles(self) -> Document:
        return {"items": [profile_document(offer) for offer in self._profiles.offers()]}
