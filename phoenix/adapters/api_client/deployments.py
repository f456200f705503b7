"""Deployments of a server."""

from collections.abc import Mapping, Sequence

from phoenix.adapters.api_client.client import ApiClient
from phoenix.adapters.api_client.pipelines import chosen
from phoenix.adapters.operations import DeploymentOperations, Document


class RemoteDeployments(DeploymentOperations):
    """Deployments of a server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def list(self) -> Document:
        return self._client.get("/deployments")

    def statuses(self, targets: Sequence[str] = ()) -> Document:
        return self._client.get("/hosts", {"target": targets})

    def deploy(
        self,
        targets: Sequence[str],
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
        name: str | None = None,
        on_failure: str = "stop",
    ) -> Document:
        body = {**chosen(pipeline, settings, config), "targets": list(targets), "name": name}
        return self._client.post("/deployments", {**body, "onFailure": on_failure})

    def preview(
        self,
        targets: Sequence[str],
        *,
        pipeline: str | None = None,
        settings: Mapping[str, str] | None = None,
        config: str | None = None,
        name: str | None = None,
    ) -> Document:
        body = {**chosen(pipeline, settings, config), "targets": list(targets), "name": name}
        return self._client.post("/deployments/preview", body)

    def rollback(self, targets: Sequence[str], to: int | None = None) -> Document:
        return self._client.post("/deployments/rollback", {"targets": list(targets), "to": to})

    def delete(self, targets: Sequence[str]) -> Document:
        return self._client.post("/deployments/delete", {"targets": list(targets)})

    def history(self, target: str) -> Document:
        return self._client.get("/revisions", {"target": target})

    def revision(self, target: str, number: int) -> Document:
        return self._client.get(f"/revisions/{number}", {"target": target})

    def diff(self, target: str, before: int | None = None, after: int | None = None) -> str:
        found = self._client.get("/revisions/diff", {"target": target, "from": before, "to": after})
        return str(found["diff"])

    def overlap(self, targets: Sequence[str]) -> Document:
        return self._client.get("/deployments/overlap", {"target": targets})
