"""Keeps a load run up until it is to end, and then sees that nothing of it is left."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from phoenix.adapters.ports import Host
from phoenix.adapters.store.load_changes import driven
from phoenix.adapters.stores import ExperimentStore, LoadRunStore
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.load.run import LoadEnd, LoadEnding, LoadRun, LoadStatus
from phoenix.domain.record import Driver
from phoenix.services.concurrency import everywhere
from phoenix.services.loads.calls import Call
from phoenix.services.loads.generators import Generators
from phoenix.services.loads.settling import Opener, settle

LOOK_SECONDS = 1.0
"""The generators report once a second."""

LATE = timedelta(seconds=5)
"""After the deadline, in which the keeper ends the load in good order, the hosts end it by themselves."""

SILENCE = timedelta(seconds=25)
"""A host that has said nothing for so long is lost: its generator has ended by itself after twenty seconds without us."""

STORE_PATIENCE = timedelta(minutes=1)
"""A load goes on while the store cannot be written for so long; after two minutes others hold its keeper for lost."""


class TakenOverError(StateError):
    """Somebody else ended the run, or became its driver: what is left of ours ends."""

    default_code = "taken_over"


def is_over(experiments: ExperimentStore, experiment: str) -> bool:
    """Whether the experiment of that id is over, or was deleted."""
    try:
        return experiments.get(experiment).phase.is_over
    except StateError:
        return True


@dataclass(frozen=True, slots=True)
class Keeping:
    """Keeps load runs.

    Attributes:
        store: Of the runs.
        open_host: Gives a host.
        is_experiment_over: Whether the experiment of that id is over, or gone.
        this_process: Who keeps.
        starter: Who started this process, where it still runs: it stands in the record until the keeper does.
        is_alive: Whether a run's driver lives.
    """

    store: LoadRunStore
    open_host: Opener
    is_experiment_over: Callable[[str], bool]
    this_process: Callable[[], Driver]
    starter: Callable[[], Driver | None]
    is_alive: Callable[[LoadRun], bool]

    def keep(self, load: str, call: Call) -> LoadRun:
        """Drive the run of id `load` to its end.

        Args:
            load: The run's id.
            call: Ends it when somebody says so.

        Returns:
            The run: over, or ENDING where a host could not show that nothing is left.

        Raises:
            StateError: It is over or driven by somebody else, or was taken over meanwhile; nothing of ours is left.
            DependencyError: The store could not be written; nothing of ours is left where the hosts answered.
        """
        is_new = self.store.get(load).heartbeat_at is None
        run = self._claimed(load)
        hosts = {target: self.open_host(target) for target in run.targets}
        if is_new and run.ending is None and (out_of_reach := _out_of_reach(run, hosts)) is not None:
            # No host was asked for anything, so none has to show that nothing is left: it might never answer.
            self.store.end(run.id, out_of_reach)
            return self.store.finish(run.id)
        generators = Generators(run.id, hosts, call.wake)
        try:
            ending = self._reason_to_end(run, generators, call)
            # Before anything is ended: whoever finds the run half ended knows what it was to become.
            run = self.store.end(run.id, ending)
        finally:
            generators.close()
        return settle(self.store, run, hosts.__getitem__)

    def _claimed(self, load: str) -> LoadRun:
        run, me = self.store.get(load), self.this_process()
        if run.driver not in (None, me, self.starter()) and self.is_alive(run):
            raise driven(run)
        return self.store.claim(run.id, me, instead_of=run.driver)

    def _reason_to_end(self, run: LoadRun, generators: Generators, call: Call) -> LoadEnding:
        try:
            return self._kept(run, generators, call)
        except TakenOverError:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it was, the run must not look as if it had got lost
            return LoadEnding.of(fault)

    def _kept(self, run: LoadRun, generators: Generators, call: Call) -> LoadEnding:
        """Keep it until there is a reason to end it; returns that."""
        if run.ending is not None:
            return run.ending  # whoever held its starter for lost was faster
        left = run.deadline - datetime.now(UTC)
        deadline = time.monotonic() + left.total_seconds()
        watch = _Watch(self, run, deadline)
        if (ending := watch.look({}, call)) is not None:
            return ending
        generators.start(run.request, left + LATE)
        while True:
            ending = watch.look(generators.statuses(), call)
            if ending is not None:
                return ending
            if (refused := generators.refusal()) is not None:
                return _refused(run, *refused)
            if generators.stand:
                watch.stands()
            call.wait(min(LOOK_SECONDS, deadline - time.monotonic()))


@dataclass
class _Watch:
    """Looks for a reason to end a run, and says meanwhile that its driver lives.

    Attributes:
        keeping: Whose.
        run: As it was claimed.
        deadline: Of the run, monotonic clock.
        written_at: When the store was last written, monotonic clock.
        is_told: Whether the store knows that all processes stand.
        heard: By target, the age of the generator that it last told, and when it changed, monotonic clock.
    """

    keeping: Keeping
    run: LoadRun
    deadline: float
    written_at: float = field(default_factory=time.monotonic)
    is_told: bool = False
    heard: dict[str, tuple[float | None, float]] = field(
        default_factory=dict[str, tuple[float | None, float]]
    )

    def look(self, statuses: Mapping[str, LoadStatus], call: Call) -> LoadEnding | None:
        """Write down what is achieved; returns why to end, None where there is no reason.

        Raises:
            TakenOverError: It is not ours any more.
            DependencyError: The store could not be written for too long.
        """
        now = self._written(statuses)
        if now.stop_requested is not None:
            return LoadEnding(LoadEnd.STOPPED, now.stop_requested)
        if call.words:
            return LoadEnding(LoadEnd.STOPPED, call.words)
        if time.monotonic() >= self.deadline:
            return LoadEnding(LoadEnd.DEADLINE, "its time was over")
        if self._is_experiment_over():
            return LoadEnding(LoadEnd.EXPERIMENT_OVER, f"its experiment {self.run.experiment} is over")
        for target, status in statuses.items():
            error = status.error or self._silence_of(target, status)
            if error:
                words = f"{target}: {error}" if len(self.run.targets) > 1 else error
                return LoadEnding(LoadEnd.FAILED, words, "", "load_ended", DependencyError.actor)
        return None

    def stands(self) -> None:
        """Write down that all processes stand; again at the next look, where the store cannot be written now."""
        if not self.is_told:
            with suppress(DependencyError):
                self.keeping.store.running(self.run.id, datetime.now(UTC))
                self.is_told = True

    def _silence_of(self, target: str, status: LoadStatus) -> str:
        """That a host says nothing any more, as where its network is cut; "" while it does."""
        now = time.monotonic()
        said, since = self.heard.get(target, (None, now))
        if target not in self.heard or status.elapsed_seconds != said:
            self.heard[target] = status.elapsed_seconds, now
        elif status.elapsed_seconds is not None and now - since > SILENCE.total_seconds():
            return f"it has said nothing for {now - since:.0f} s"
        return ""

    def _is_experiment_over(self) -> bool:
        # A store that cannot be read is `_written`'s to judge.
        with suppress(DependencyError):
            return bool(self.run.experiment) and self.keeping.is_experiment_over(self.run.experiment)
        return False

    def _written(self, statuses: Mapping[str, LoadStatus]) -> LoadRun:
        try:
            found = self.keeping.store.update(self.run.id, statuses)
        except DependencyError:
            if time.monotonic() - self.written_at > STORE_PATIENCE.total_seconds():
                raise
            return self.run
        if found.is_over or found.driver != self.keeping.this_process():
            raise TakenOverError(f"{self.run.name} was ended by somebody else.")
        self.written_at = time.monotonic()
        return found


def _out_of_reach(run: LoadRun, hosts: Mapping[str, Host]) -> LoadEnding | None:
    """The ending by the first host that cannot even be looked at; None where all can."""
    faults = everywhere(run.targets, lambda target: hosts[target].leftovers(run.id))
    return _refused(run, *faults[0]) if faults else None


def _refused(run: LoadRun, target: str, fault: Exception) -> LoadEnding:
    """The ending by a host that did not do what was asked."""
    ending = LoadEnding.of(fault)
    if len(run.targets) == 1 or target in ending.words.split():
        return ending
    return LoadEnding(ending.why, f"{target}: {ending.words}", ending.hint, ending.code, ending.actor)
