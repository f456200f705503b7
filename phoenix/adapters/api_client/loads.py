"""Load runs of a server."""

from collections.abc import Mapping, Sequence

from phoenix.adapters.api_client.client import ApiClient, segment
from phoenix.adapters.operations import LOADS_AT_ONCE, Document, LoadOperations


class RemoteLoads(LoadOperations):
    """Load runs of a server.

    Args:
        client: Asks it.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def list(self, *, limit: int = LOADS_AT_ONCE) -> Document:
        return self._client.get("/loads", {"limit": limit})

    def get(self, reference: str) -> Document:
        return self._client.get(f"/loads/{segment(reference)}")

    def start(
        self,
        *,
        profile: str = "realistic",
        processes: int | None = None,
        churn_rate: float | None = None,
        seed: int | None = None,
        settings: Mapping[str, object] | None = None,
        targets: Sequence[str] = (),
        experiment: str | None = None,
        duration: str | None = None,
        name: str | None = None,
    ) -> Document:
        body = {
            "profile": profile,
            "processes": processes,
            "churnRate": churn_rate,
            "seed": seed,
            "settings": dict(settings or {}),
            "targets": list(targets),
            "experiment": experiment,
            "duration": duration,
            "name": name,
        }
        return self._client.post("/loads", body)

    def stop(self, reference: str, reason: str) -> Document:
        return self._client.post(f"/loads/{segment(reference)}/stop", {"reason": reason})
