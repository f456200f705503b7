"""Experiments of a server."""

from collections.abc import Collection, Mapping

from phoenix.adapters.api_client.client import ApiClient, segment
from phoenix.adapters.operations import EVENTS_AT_ONCE, PAGE, Document, ExperimentOperations


class RemoteExperiments(ExperimentOperations):
    """Experiments of a server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def create(
        self, document: Mapping[str, object], *, files: Mapping[str, str] | None = None, start: bool = True
    ) -> Document:
        return self._client.post(
            "/experiments", {"document": document, "files": dict(files or {}), "start": start}
        )

    def preview(self, document: Mapping[str, object], *, files: Mapping[str, str] | None = None) -> Document:
        return self._client.post("/experiments/preview", {"document": document, "files": dict(files or {})})

    def list(
        self,
        *,
        limit: int = PAGE,
        before: str | None = None,
        phases: Collection[str] = (),
        name: str | None = None,
    ) -> Document:
        query = {"limit": limit, "before": before, "phase": tuple(phases), "name": name}
        return self._client.get("/experiments", query)

    def get(self, reference: str) -> Document:
        return self._client.get(_path(reference))

    def start(self, reference: str) -> Document:
        return self._client.post(_path(reference, "start"))

    def stop(self, reference: str, reason: str) -> Document:
        return self._client.post(_path(reference, "stop"), {"reason": reason})

    def promote(self, reference: str, reason: str, variant: str = "candidate") -> Document:
        return self._client.post(_path(reference, "promote"), {"reason": reason, "variant": variant})

    def rollback(self, reference: str, reason: str) -> Document:
        return self._client.post(_path(reference, "rollback"), {"reason": reason})

    def delete(self, reference: str) -> Document:
        return self._client.delete(_path(reference))

    def events(self, reference: str, *, after: int = 0, limit: int = EVENTS_AT_ONCE) -> Document:
        return self._client.get(_path(reference, "events"), {"after": after, "limit": limit})

    def metrics(
        self,
        reference: str,
        *,
        start: int | None = None,
        end: int | None = None,
        points: int = 500,
        host: str | None = None,
    ) -> Document:
        query = {"from": start, "to": end, "points": points, "host": host}
        return self._client.get(_path(reference, "metrics"), query)

    def comparison(self, reference: str) -> Document:
        return self._client.get(_path(reference, "comparison"))

    def report(self, reference: str) -> str:
        return self._client.text(_path(reference, "report"))


def _path(reference: str, verb: str = "") -> str:
    return f"/experiments/{segment(reference)}" + (f"/{verb}" if verb else "")
