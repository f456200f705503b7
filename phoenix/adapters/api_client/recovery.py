"""Recovery by a server."""

from phoenix.adapters.api_client.client import ApiClient
from phoenix.adapters.operations import Document, RecoveryOperations


class RemoteRecovery(RecoveryOperations):
    """Recovery of what a server looks after.

    Args:
        client: Asks it.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def recover(self) -> Document:
        return self._client.post("/recovery")
