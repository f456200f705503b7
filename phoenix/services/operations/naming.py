"""The hosts that a request names: never this machine by leaving them out, for that is not where whoever asks sits."""

from collections.abc import Sequence

from phoenix.domain.errors import SpecError
from phoenix.services.targets import Targets


def hosts_of(targets: Targets, texts: Sequence[str]) -> tuple[str, ...]:
    """The canonical targets of a request that is about hosts.

    Raises:
        SpecError: None is named (code `no_target`), or one leads to no host.
    """
    if not texts:
        raise SpecError("No host is named.", code="no_target", hint="send `targets`, at least one")
    return targets.resolve(texts)
