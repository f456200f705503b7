"""The catalog of a server, and pipelines as it sees them."""

from collections.abc import Mapping

from phoenix.adapters.api_client.client import ApiClient, segment
from phoenix.adapters.operations import Document, PipelineOperations


class RemotePipelines(PipelineOperations):
    """Pipelines of a server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def list(self) -> Document:
        return self._client.get("/catalog/pipelines")

    def get(self, name: str, settings: Mapping[str, str] | None = None) -> Document:
        texts = [f"{key}={value}" for key, value in (settings or {}).items()]
        return self._client.get(f"/catalog/pipelines/{segment(name)}", {"set": texts})

    def validate(
        self,
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> Document:
        return self._client.post("/pipelines/validate", chosen(pipeline, settings, config))

    def render(
        self,
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
    ) -> Document:
        return self._client.post("/pipelines/render", chosen(pipeline, settings, config))

    def load_profiles(self) -> Document:
        return self._client.get("/catalog/loads")


def chosen(pipeline: str | None, settings: Mapping[str, str] | None, config: str | None) -> dict[str, object]:
    """The part of a body that says which pipeline is meant."""
    return {"pipeline": pipeline, "settings": dict(settings or {}), "config": config}
