"""Recovery as a document, for every door."""

from phoenix.adapters.operations import Document, RecoveryOperations
from phoenix.services.recoveries import Recoveries
from phoenix.services.views.repairs import repair_rows


class LocalRecovery(RecoveryOperations):
    """Recovery of this installation.

    Args:
        recoveries: All of them as one verb.
    """

    def __init__(self, recoveries: Recoveries) -> None:
        self._recoveries = recoveries

    def recover(self) -> Document:
        recovered = self._recoveries.recover()
        return {
            "items": repair_rows(recovered),
            "failed": recovered.has_failed,
            "unseen": recovered.unseen or None,
        }
