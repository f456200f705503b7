"""Finishes what a lost driver or a host that did not answer left; doing it twice is doing it once.

A revision whose driver is gone ends as it would have without the loss, as far as its host proves it: where the
`active` link points at it and it runs, it serves; else it has failed, and what served before serves. A host that does
not answer is kept on the list of what is owed, and asked again next time.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Owed, Revision
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.record import Driver
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.deployments.deleting import DELETION
from phoenix.services.deployments.holding import Opener
from phoenix.services.deployments.host_recovery import HostRecovery, HostRepair, Lives, Task


class DeploymentRecovery:
    """Repairs deployments.

    Args:
        store: The ledger.
        open_host: Gives a host.
        this_process: Who recovers.
        lives: See `Lives`.
        unfinished: Ids of the experiments that are not over: what they promote is theirs to settle.
    """

    def __init__(
        self,
        store: DeploymentStore,
        open_host: Opener,
        this_process: Callable[[], Driver],
        lives: Lives,
        unfinished: Callable[[], Collection[str]],
    ) -> None:
        self._store = store
        self._open = open_host
        self._this_process = this_process
        self._lives = lives
        self._unfinished = unfinished

    def recover(self, *, everywhere: bool = True) -> tuple[HostRepair, ...]:
        """Finish what is pending or owed, and start again what should serve and died.

        Args:
            everywhere: Look at every host where something serves by the ledger; else only at those where something
                is pending or owed.

        Returns:
            What was done, by host; nothing where nothing was to do.
        """
        tasks = self._tasks(everywhere)
        if not tasks:
            return ()
        with ThreadPoolExecutor(min(AT_ONCE, len(tasks)), "recover") as threads:
            return tuple(repair for found in threads.map(self._repaired, tasks) for repair in found)

    def _tasks(self, everywhere: bool) -> list[Task]:
        owed = self._store.owed()
        left = self._store.pending()
        theirs = self._unfinished() if left else ()
        pending = [one for one in left if one.owner not in theirs and self._may_be_lost(one, owed)]
        # Where a driver is at work, what serves is about to change: looking after it would disturb that.
        busy = {one.host for one in left if one not in pending}
        active = {one.host: one for one in self._store.active() if one.host not in busy} if everywhere else {}
        hosts = {*(one.host for one in (*pending, *owed)), *active}
        return [
            Task(
                host,
                tuple(one for one in pending if one.host == host),
                tuple(one for one in owed if one.host == host),
                active.get(host),
            )
            for host in sorted(hosts)
        ]

    def _may_be_lost(self, revision: Revision, owed: Sequence[Owed]) -> bool:
        """A driver that gave up said so by what it owes, though its process lives on."""
        if any((one.host, one.owner) == (revision.host, revision.owner) for one in owed):
            return True
        return revision.driver is None or self._lives(revision.driver) is not True

    def _repaired(self, task: Task) -> list[HostRepair]:
        try:
            host = self._open(task.host)
            return HostRecovery(host, self._store, self._this_process(), self._lives).run(task)
        except DependencyError as fault:
            return self._put_off(task, fault)
        except StateError as fault:
            return [_left(task, f"left alone: {fault.message}", failed=False)]
        except Exception as fault:  # noqa: BLE001 - one host must not stand in the way of the others
            return [_left(task, f"could not be repaired: {type(fault).__name__}: {fault}")]

    def _put_off(self, task: Task, fault: DependencyError) -> list[HostRepair]:
        """Keep on the list what the host did not let us do."""
        for one in (*task.pending, *task.owed):
            if one.owner != DELETION:
                self._store.owe(task.host, one.owner, fault.message)
        return [_left(task, f"{fault.message}; it is tried again next time")]


def _left(task: Task, words: str, *, failed: bool = True) -> HostRepair:
    first = next(iter(task.pending), task.active)
    name = first.name if first else task.owed[0].owner
    return HostRepair(task.host, name, first.number if first else None, None, words, failed)
