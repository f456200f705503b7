"""The end of a load run: nothing of it is left on any host, by the host's own process table, or it is not over."""

from collections.abc import Callable

from phoenix.adapters.ports import Host
from phoenix.adapters.stores import LoadRunStore
from phoenix.domain.errors import DependencyError
from phoenix.domain.load.run import LoadRun
from phoenix.services.concurrency import everywhere

Opener = Callable[[str], Host]
"""Gives the host of a canonical target."""


def settle(store: LoadRunStore, run: LoadRun, open_host: Opener) -> LoadRun:
    """Clean up every host of a run whose ending is written, and finish it where all of them are clean.

    Where a host does not answer, the run stays ENDING with nobody who drives it, and the next recovery tries again.

    Returns:
        The run as it is now.
    """
    faults = everywhere(run.targets, lambda target: _clean(open_host(target), run.id))
    if not faults:
        return store.finish(run.id)
    return store.release(run.id, {target: str(fault) for target, fault in faults})


def _clean(host: Host, owner: str) -> None:
    if not host.leftovers(owner):
        return
    host.clear(owner)
    if left := host.leftovers(owner):
        raise DependencyError(f"{host.name} still has: {'; '.join(left)}", code="left_behind")
