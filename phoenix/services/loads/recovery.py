"""Brings load runs that nobody keeps any more to their end; doing it twice is doing it once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from phoenix.adapters.store.load_changes import driven
from phoenix.adapters.stores import LoadRunStore
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadRun, LoadState
from phoenix.domain.record import Driver
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.loads.settling import Opener, settle

LOST = "the process that kept it was lost"


@dataclass(frozen=True, slots=True)
class LoadRepair:
    """What recovery did about one load run.

    Attributes:
        load: Its id.
        name: Its name.
        found: The state it was found in.
        ended: Whether it is over now.
        words: What was done or why not.
        failed: The repair was tried and did not succeed; it is tried again next time.
    """

    load: str
    name: str
    found: LoadState
    ended: bool
    words: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class LoadRecovery:
    """Finds and ends what nobody keeps.

    Attributes:
        store: Of the runs.
        open_host: Gives a host.
        this_process: Who recovers.
        is_alive: Whether a run's driver lives.
    """

    store: LoadRunStore
    open_host: Opener
    this_process: Callable[[], Driver]
    is_alive: Callable[[LoadRun], bool]

    def recover(self) -> tuple[LoadRepair, ...]:
        """End every unfinished run without a living keeper; what has one is left alone and told of."""
        runs = self.store.unfinished()
        if not runs:
            return ()
        with ThreadPoolExecutor(min(AT_ONCE, len(runs)), "recover-loads") as threads:
            return tuple(threads.map(self._repaired, runs))

    def end(self, load: str, why: str) -> LoadRun:
        """End a run whose keeper the caller saw die; as it is where it ended by itself.

        Args:
            load: Its id.
            why: What became of the keeper, in words.
        """
        run = self.store.get(load)
        return run if run.is_over else self._ended(run, why)

    def forget(self, load: str) -> LoadRun:
        """End a run without asking its hosts, which are gone for ever.

        Raises:
            StateError: It is being kept, or over.
        """
        run = self.store.get(load)
        if self.is_alive(run):
            raise driven(run)
        claimed = self.store.claim(run.id, self.this_process(), instead_of=run.driver)
        self.store.end(run.id, _ending(claimed, LOST))
        return self.store.finish(run.id)

    def looked_after(self, load: str) -> LoadRun:
        """The run of that id as it is now; brought to its end first, where nobody keeps it."""
        run = self.store.get(load)
        if run.is_over or self.is_alive(run):
            return run
        try:
            return self._ended(run, LOST)
        except StateError:
            return self.store.get(load)  # somebody else was faster

    def _repaired(self, run: LoadRun) -> LoadRepair:
        if self.is_alive(run):
            return LoadRepair(run.id, run.name, run.state, ended=False, words="is being kept; left alone")
        try:
            now = self._ended(run, LOST)
        except Exception as fault:  # noqa: BLE001 - one run must not stand in the way of the others
            if isinstance(fault, PhoenixError) and fault.code in ("driven", "load_over"):
                return LoadRepair(run.id, run.name, run.state, ended=False, words="is being ended by another")
            words = f"could not be ended: {type(fault).__name__}: {fault}"
            return LoadRepair(run.id, run.name, run.state, ended=False, words=words, failed=True)
        if now.is_over:
            return LoadRepair(
                run.id, run.name, run.state, ended=True, words="nothing of it is left; its keeper was gone"
            )
        return LoadRepair(
            run.id,
            run.name,
            run.state,
            ended=False,
            words=f"{left_words(now)}; it is tried again",
            failed=True,
        )

    def _ended(self, run: LoadRun, why: str) -> LoadRun:
        claimed = self.store.claim(run.id, self.this_process(), instead_of=run.driver)
        return settle(self.store, self.store.end(run.id, _ending(claimed, why)), self.open_host)


def left_words(run: LoadRun) -> str:
    """What stands in the way of a run's end, host by host."""
    parts = (words if target in words.split() else f"{target}: {words}" for target, words in run.left.items())
    return "; ".join(parts)


def _ending(run: LoadRun, why: str) -> LoadEnding:
    """A person who asked for the end got it, whoever brought it about."""
    if run.stop_requested is not None:
        return LoadEnding(LoadEnd.STOPPED, run.stop_requested)
    return LoadEnding(LoadEnd.LOST, why, "", "keeper_lost", DependencyError.actor)
