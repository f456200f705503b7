"""Saved targets as documents, for every door."""

from collections.abc import Mapping, Sequence

from phoenix.adapters.operations import Document, TargetOperations
from phoenix.domain.targets import check_labels
from phoenix.services.operations.naming import hosts_of
from phoenix.services.targets import Targets, target_document


class LocalTargets(TargetOperations):
    """Targets of this installation.

    Args:
        targets: The verbs.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    def list(self, *, selector: str | None = None) -> Document:
        return {"items": [target_document(record) for record in self._targets.list(selector)]}

    def get(self, name: str) -> Document:
        return target_document(self._targets.get(name))

    def save(self, name: str, uri: str, labels: Mapping[str, str] | None = None) -> Document:
        texts = [f"{key}={value}" for key, value in check_labels(labels or {}).items()]
        return target_document(self._targets.add(name, uri, texts))

    def remove(self, name: str) -> Document:
        return target_document(self._targets.remove(name))

    def check(self, targets: Sequence[str]) -> Document:
        hosts = hosts_of(self._targets, targets)
        return {
            "hosts": list(hosts),
            "items": [{"target": text, "hosts": list(self._targets.resolve([text]))} for text in targets],
        }
