"""Targets that a server keeps."""

from collections.abc import Mapping, Sequence

from phoenix.adapters.api_client.client import ApiClient, segment
from phoenix.adapters.operations import Document, TargetOperations


class RemoteTargets(TargetOperations):
    """Targets of a server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def list(self, *, selector: str | None = None) -> Document:
        return self._client.get("/targets", {"selector": selector})

    def get(self, name: str) -> Document:
        return self._client.get(f"/targets/{segment(name)}")

    def save(self, name: str, uri: str, labels: Mapping[str, str] | None = None) -> Document:
        return self._client.put(f"/targets/{segment(name)}", {"uri": uri, "labels": dict(labels or {})})

    def remove(self, name: str) -> Document:
        return self._client.delete(f"/targets/{segment(name)}")

    def check(self, targets: Sequence[str]) -> Document:
        return self._client.post("/targets/check", {"targets": list(targets)})
