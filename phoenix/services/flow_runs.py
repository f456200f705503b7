"""Ends flow runs whose process is gone: for a server they would run for ever, and hold what their deployment may run.

A run is only touched where its process is known to be gone, or where everybody who could know has been silent for
long. What is looked at, in this order:

| who drives it, by the run's labels           | seen                                     | the run              |
|----------------------------------------------|------------------------------------------|----------------------|
| a process of this machine                    | lives                                    | left alone           |
|                                              | gone                                     | ended                |
| a process of another machine                 | its experiment beats, or beat just now   | left alone           |
|                                              | its experiment is silent, over, another's| ended after 2 min    |
|                                              | it has no experiment here                | ended after 24 h     |
| no label: its body has not begun             | its process is seen on this machine      | left alone           |
|  and its experiment has a driver             | that lives                               | left alone           |
|  and a worker of this machine took it        | that runs since before it took the run   | ended after 5 min    |
|                                              | that was started anew since              | ended                |
|  and another worker took it                  | heard of by the server: Pending          | ended after 10 min   |
|                                              | heard of by the server: Running          | ended after 24 h     |
|                                              | silent for a minute                      | ended; after 2 min   |
|                                              |                                          | where it is Running  |
|  and no worker took it                       | its experiment is over or has no driver  | ended after 1 min    |
|                                              | nothing is known of it: Pending          | ended after 1 min    |
|                                              | nothing is known of it: Running          | ended after 24 h     |

What nobody took yet waits for a worker and is left alone. Ended is Crashed, and Cancelled where somebody had cancelled
it. A worker that lives reports itself what its process did, hence the patience with it.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from phoenix.adapters.ports import FlowProcesses, FlowRuns
from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.flow_run import TURN, FlowEnd, FlowRun, FlowState
from phoenix.domain.record import Driver, ExperimentRecord

SOON = timedelta(minutes=1)
"""Longer than a run stays Pending where nobody waits for a worker, and than a server is out of reach for a moment."""

SILENCE = timedelta(minutes=2)
"""A driver elsewhere that has not said for so long that it lives is held for lost (`phoenix.adapters.drivers`)."""

WORKER_PATIENCE = timedelta(minutes=5)
"""A worker of this machine that lives tells itself what became of a run, but for the moment between two steps of its."""

FAR_PATIENCE = timedelta(minutes=10)
"""To start a process elsewhere, of which nothing is seen from here."""

TIME_LIMIT = timedelta(hours=24)
"""Of a run of which nothing can be known."""

KEPT: Mapping[str, timedelta] = {"recovery": timedelta(hours=1), "drift-check": timedelta(days=30)}
"""By flow, how long a run that had nothing to tell is kept: every 30 s there is one more."""


class WorkerSight(StrEnum):
    """What is known of the worker that took a run."""

    NONE = "none"
    """No worker took it, or it did not say so."""
    HERE = "here"
    """It is a process of this machine, and was before it took the run."""
    ANEW = "anew"
    """It is a process of this machine that was started after the run was taken: by one that is gone."""
    HEARD = "heard"
    """It is elsewhere, and the server hears of it."""
    SILENT = "silent"
    """Nobody hears of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be known of the process of a flow run.

    Attributes:
        driver_lives: Whether the driver of its labels lives; None where it cannot be seen from here, or there is none.
        is_seen_here: A process of this machine was started for this very run.
        worker: What is known of the worker that took it.
        experiment: The record of what it is about; None where this installation has none.
        experiment_is_driven: Whether that record's driver lives, or said so just now.
    """

    driver_lives: bool | None = None
    is_seen_here: bool = False
    worker: WorkerSight = WorkerSight.NONE
    experiment: ExperimentRecord | None = None
    experiment_is_driven: bool = False


@dataclass(frozen=True, slots=True)
class FlowRunRepair:
    """What recovery did about one flow run whose process is gone.

    Attributes:
        flow_run: Its id.
        name: Its name.
        flow: Its flow.
        found: The state it was found in.
        ended: How it ended; None where that was tried in vain or somebody was faster.
        words: What was done and why, one sentence.
        failed: It was tried and did not succeed; it can be tried again.
    """

    flow_run: str
    name: str
    flow: str
    found: FlowState
    ended: FlowEnd | None
    words: str
    failed: bool = False


def why_lost(run: FlowRun, seen: Evidence, now: datetime) -> str | None:
    """Why nobody drives a flow run any more; None where somebody does, or may. See the module's table.

    Args:
        run: As the server has it.
        seen: Of its process.
        now: The time of our own ledger, UTC.
    """
    if run.driver is not None:
        return _why_lost_by_driver(run.driver, seen, run.age, now)
    if seen.is_seen_here or seen.experiment_is_driven:
        return None
    patience, why = _PATIENCE[seen.worker](run, seen)
    return f"{why}, and no process is known to run it" if run.age > patience else None


def _why_lost_by_driver(driver: Driver, seen: Evidence, age: timedelta, now: datetime) -> str | None:
    if seen.driver_lives is not None:
        return None if seen.driver_lives else f"its process, pid {driver.pid}, is gone"
    experiment = seen.experiment
    if experiment is None:
        return "its machine cannot be seen from here, and its time is over" if age > TIME_LIMIT else None
    if experiment.driver == driver and seen.experiment_is_driven:
        return None
    said = max((at for at in (experiment.heartbeat_at, experiment.finished_at) if at), default=None)
    if age <= SILENCE or (said is not None and now - said <= SILENCE):
        return None
    return f"its process runs elsewhere, and {experiment.id} is not driven by it any more"


def _without_worker(run: FlowRun, seen: Evidence) -> tuple[timedelta, str]:
    if seen.experiment is not None:
        return SOON, f"nobody drives {seen.experiment.id}"
    if run.state is FlowState.PENDING:
        return SOON, "it did not start"
    return TIME_LIMIT, "its time is over"


def _with_worker_elsewhere(run: FlowRun, _seen: Evidence) -> tuple[timedelta, str]:
    patience = FAR_PATIENCE if run.state is FlowState.PENDING else TIME_LIMIT
    return patience, f"its worker {run.worker} said nothing of it"


def _with_silent_worker(run: FlowRun, _seen: Evidence) -> tuple[timedelta, str]:
    patience = SOON if run.state is FlowState.PENDING else SILENCE
    return patience, f"its worker {run.worker} is silent"


_PATIENCE: Mapping[WorkerSight, Callable[[FlowRun, Evidence], tuple[timedelta, str]]] = {
    WorkerSight.NONE: _without_worker,
    WorkerSight.HERE: lambda run, _: (WORKER_PATIENCE, f"its worker {run.worker} said nothing of it"),
    WorkerSight.ANEW: lambda run, _: (timedelta(0), f"its worker {run.worker} died and was started anew"),
    WorkerSight.HEARD: _with_worker_elsewhere,
    WorkerSight.SILENT: _with_silent_worker,
}
"""How long a run without a label may stay as it is, by what is known of its worker, and what is then said."""


class FlowRunRecovery:
    """Finds flow runs whose process is gone, and ends them.

    Args:
        flow_runs: Of the server that this installation is shown on now; None where it is on none.
        experiments: The ledger.
        lives: Whether a driver runs; None where it cannot be seen from here.
        is_alive: Whether the driver of a record runs, or said so just now.
        processes: What of Prefect runs on this machine.
    """

    def __init__(
        self,
        flow_runs: Callable[[], FlowRuns | None],
        experiments: ExperimentStore,
        lives: Callable[[Driver], bool | None],
        is_alive: Callable[[ExperimentRecord], bool],
        processes: FlowProcesses,
    ) -> None:
        self._flow_runs = flow_runs
        self._experiments = experiments
        self._lives = lives
        self._is_alive = is_alive
        self._processes = processes

    def recover(self) -> tuple[FlowRunRepair, ...]:
        """End every flow run of ours whose process is gone; nothing where there is no server.

        Returns:
            One entry for each run that was found lost.

        Raises:
            DependencyError: The server does not answer.
        """
        flow_runs = self._flow_runs()
        if flow_runs is None:
            return ()
        found = [(run, why) for run in flow_runs.unfinished() if (why := self._why_lost(flow_runs, run))]
        return tuple(_ended(flow_runs, run, why) for run, why in found)

    def tidy(self) -> int:
        """Take away the finished runs of the schedules that nobody looks at any more; how many were.

        Raises:
            DependencyError: The server does not answer.
        """
        flow_runs = self._flow_runs()
        if flow_runs is None:
            return 0
        return sum(flow_runs.forget(flow, older_than=age) for flow, age in KEPT.items())

    def waits_for(self, experiment: str) -> bool | None:
        """Whether a flow run for this very experiment is still to begin; None where nobody can be asked.

        Args:
            experiment: Its id, which its flow run is tagged with.
        """
        flow_runs = self._flow_runs()
        if flow_runs is None:
            return None
        with suppress(DependencyError):
            return flow_runs.is_waiting(experiment)
        return None

    def give_back_turn(self, experiment: str) -> None:
        """Let other runs have the hosts of one that died; else the server keeps them for a minute or more.

        Args:
            experiment: Its id; its ledger tells of the turn.
        """
        events = self._experiments.events(experiment)
        turn = next((event.data["turn"] for event in reversed(events) if event.step == TURN), None)
        if turn is None:
            return
        with suppress(DependencyError):  # they wait longer, then
            if flow_runs := self._flow_runs():
                flow_runs.give_back_turn(str(turn))

    def _why_lost(self, flow_runs: FlowRuns, run: FlowRun) -> str | None:
        if run.driver is not None and self._lives(run.driver) is False and self._processes.is_running(run.id):
            # Somebody had it retried: the label is of the attempt before, until this one says who drives.
            run = replace(run, driver=None)
        return why_lost(run, self._evidence(flow_runs, run), datetime.now(UTC))

    def _evidence(self, flow_runs: FlowRuns, run: FlowRun) -> Evidence:
        lives = self._lives(run.driver) if run.driver is not None else None
        if lives is not None:
            return Evidence(driver_lives=lives)
        record = self._record(run.experiment)
        return Evidence(
            is_seen_here=run.driver is None and self._processes.is_running(run.id),
            worker=self._worker(flow_runs, run),
            experiment=record,
            experiment_is_driven=record is not None and not record.phase.is_over and self._is_alive(record),
        )

    def _record(self, experiment: str | None) -> ExperimentRecord | None:
        with suppress(StateError):
            return self._experiments.get(experiment) if experiment else None
        return None

    def _worker(self, flow_runs: FlowRuns, run: FlowRun) -> WorkerSight:
        if run.worker is None or run.driver is not None:
            return WorkerSight.NONE
        age = self._processes.worker_age(run.worker)
        if age is not None:
            return WorkerSight.HERE if age >= run.age else WorkerSight.ANEW
        silence = flow_runs.worker_silence(run.worker)
        return WorkerSight.HEARD if silence is not None and silence <= SOON else WorkerSight.SILENT


def _ended(flow_runs: FlowRuns, run: FlowRun, why: str) -> FlowRunRepair:
    end = FlowEnd.CANCELLED if run.state is FlowState.CANCELLING else FlowEnd.CRASHED
    try:
        is_ended = flow_runs.end(run, end, f"Ended by recovery: {why}.")
    except DependencyError as fault:
        words = f"{why}; it could not be ended: {fault.message}"
        return FlowRunRepair(run.id, run.name, run.flow, run.state, None, words, failed=True)
    if not is_ended:
        return FlowRunRepair(run.id, run.name, run.flow, run.state, None, "it changed meanwhile")
    words = f"set to {end.value.capitalize()}: {why}"
    return FlowRunRepair(run.id, run.name, run.flow, run.state, end, words)
