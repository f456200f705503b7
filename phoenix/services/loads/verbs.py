"""The verbs of load runs, for every door: start, look, stop."""

import secrets
import string
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from phoenix.adapters.ports import KeeperProcess, KeeperRunner
from phoenix.adapters.stores import ExperimentStore, LoadRunStore
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.experiment import read_document
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadRun, LoadState
from phoenix.domain.record import Driver, ExperimentRecord
from phoenix.services.loads.recovery import LoadRecovery, left_words
from phoenix.services.loads.starting import LoadWish

POLL_SECONDS = 0.05

ENDING_PATIENCE = timedelta(minutes=3)
"""A host that stopped answering while its load was starting is waited for that long before the keeper gives it up."""

_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Started:
    """A load run whose keeper was started.

    Attributes:
        run: As it was recorded.
        keeper: Its keeper.
    """

    run: LoadRun
    keeper: KeeperProcess


@dataclass(frozen=True, slots=True)
class Loads:
    """Load runs of this installation.

    Attributes:
        store: Of the runs.
        experiments: Of the experiments whose hosts they may load.
        keepers: Starts keepers.
        recovery: Ends what a keeper left.
        this_process: Answers for a run until its keeper does.
    """

    store: LoadRunStore
    experiments: ExperimentStore
    keepers: KeeperRunner
    recovery: LoadRecovery
    this_process: Callable[[], Driver]

    def experiment_hosts(self, reference: str) -> tuple[str, tuple[str, ...]]:
        """The id and the hosts of an experiment that is to be loaded.

        Raises:
            StateError: There is none of that id or name, or it is over.
        """
        record = self.experiments.get(reference)
        if record.phase.is_over:
            raise StateError(
                f"{record.name} is over ({record.phase.value}): a load run would end with it at once.",
                code="experiment_over",
                hint="leave the experiment out, and name its hosts with --target-host",
            )
        return record.id, _targets(record)

    def create(self, wish: LoadWish) -> LoadRun:
        """Record a run; nothing is started.

        Raises:
            StateError: Another run of that name is not over.
        """
        names = iter((wish.name,)) if wish.name else _numbered(wish.plan.profile)
        while True:
            run = self._run(wish, next(names))
            try:
                self.store.create(run)
            except StateError as taken:
                if wish.name or taken.code != "name_taken":
                    raise
            else:
                return run

    def start(self, run: LoadRun) -> Started:
        """Start the keeper of a recorded run.

        Raises:
            DependencyError: No keeper could be started; nothing was started on any host.
        """
        try:
            return Started(run, self.keepers.start(run.id))
        except OSError as error:
            fault = DependencyError(f"no keeper could be started: {error}", code="no_keeper")
            self.store.end(run.id, LoadEnding.of(fault))
            self.store.finish(run.id)
            raise fault from error

    def look(self, started: Started) -> LoadRun:
        """The run as it is now; ended first, where its keeper died.

        Raises:
            DependencyError: Its keeper is gone, and a host cannot show that nothing is left.
        """
        code = started.keeper.poll()
        run = self.store.get(started.run.id)
        if code is None or run.is_over:
            return run
        said = started.keeper.last_words()
        try:
            ended = self.recovery.end(run.id, f"its keeper ended with code {code}: {said}".rstrip(": "))
        except StateError:
            return self.store.get(run.id)  # another command was faster
        if not ended.is_over:
            raise _left_behind(ended)
        return ended

    def await_standing(self, started: Started) -> LoadRun:
        """Return once the asked count is up on every host, or once somebody had it stopped before.

        Raises:
            PhoenixError: What a host refused, or what else ended it; nothing is left.
        """
        while (run := self.look(started)).state is LoadState.STARTING:
            time.sleep(POLL_SECONDS)
        return run if run.state is LoadState.RUNNING else self._over(run)

    def stop(self, reference: str, reason: str) -> LoadRun:
        """Ask for the end of a run; `await_end` waits for it.

        Raises:
            StateError: It is over already.
        """
        run = self.store.get(reference)
        if run.is_over:
            raise StateError(f"{run.name} is over already: {_how(run)}.", code="already_over")
        self.store.request_stop(run.id, reason)
        return self.store.get(run.id)

    def forget(self, reference: str) -> LoadRun:
        """Write a run whose hosts are gone for ever down as over; nobody is asked there.

        Raises:
            StateError: It is being kept, or over.
        """
        return self.recovery.forget(self.store.get(reference).id)

    def give_up(self, load: str, reason: str) -> LoadRun:
        """Stop a run that this process has just begun; returns once it is over."""
        self.store.request_stop(load, reason)
        if self.store.get(load).driver == self.this_process():
            # No keeper has it yet, and one that is on its way will find it over.
            with suppress(StateError):
                self.recovery.end(load, reason)
        return self.await_end(load)

    def await_end(self, load: str) -> LoadRun:
        """Return once a run is over, whatever ended it.

        Raises:
            DependencyError: A host could not show that nothing is left, or it takes too long.
        """
        deadline = time.monotonic() + ENDING_PATIENCE.total_seconds()
        while time.monotonic() < deadline:
            run = self.recovery.looked_after(load)
            if run.is_over:
                return run
            if run.left and run.driver is None:
                raise _left_behind(run)
            time.sleep(POLL_SECONDS)
        raise DependencyError(
            f"{load} is still being ended after {ENDING_PATIENCE.total_seconds():g} s",
            code="still_ending",
            hint=f"phoenix loadsim status {load}",
        )

    def get(self, reference: str) -> LoadRun:
        """By id, else the newest of that name."""
        return self.store.get(reference)

    def watch(self, load: str | None) -> tuple[LoadRun, ...]:
        """One run by its id, or the newest of all; one that has lost its keeper is brought to its end first.

        One that waits for a host to answer is not tried again: whoever watches would wait for that host each time.
        """
        runs = self.newest() if load is None else (self.store.get(load),)
        return tuple(run if run.is_over or run.left else self.recovery.looked_after(run.id) for run in runs)

    def unfinished(self) -> tuple[LoadRun, ...]:
        """All that are not over, newest first."""
        return self.store.unfinished()

    def newest(self, limit: int = 20) -> tuple[LoadRun, ...]:
        """The newest runs, newest first, and every one that is not over, however old."""
        found = self.store.list(limit=limit)
        known = {run.id for run in found}
        return (*found, *(run for run in self.store.unfinished() if run.id not in known))

    def _run(self, wish: LoadWish, name: str) -> LoadRun:
        now = datetime.now(UTC)
        return LoadRun(
            id="load-" + "".join(secrets.choice(_LETTERS) for _ in range(8)),
            name=name,
            experiment=wish.experiment,
            profile=wish.plan.profile,
            targets=wish.targets,
            request=wish.request(),
            state=LoadState.STARTING,
            created_at=now,
            deadline=now + wish.duration,
            # Until the keeper names itself, its starter answers for it: a run whose starter died is recovered.
            driver=self.this_process(),
        )

    def _over(self, run: LoadRun) -> LoadRun:
        """A run that is about to end, once it has; raises what went wrong."""
        ended = self.await_end(run.id)
        fault = ended.ending.fault() if ended.ending else None
        if fault is not None:
            raise fault
        return ended


def _left_behind(run: LoadRun) -> DependencyError:
    return DependencyError(
        f"{run.name} is not over: {left_words(run)}",
        code="left_behind",
        hint="phoenix recover tries again; the load itself ends when its host hears nothing of us",
    )


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _how(run: LoadRun) -> str:
    if run.ending is None:
        return run.state.value
    return run.ending.why.value if run.ending.why is not LoadEnd.FAILED else run.ending.words


def _targets(record: ExperimentRecord) -> tuple[str, ...]:
    return read_document(record.document["document"]).spec.targets
