"""Repairs what a lost driver left: compares ledger, leases and hosts, and brings each experiment to its end.

The end is the one the uninterrupted run would have reached, as far as the ledger proves it: a promotion that switched
production and whose pipeline works stays; one that did not switch is taken back; an experiment without a verdict is
stopped. Doing it twice is doing it once, and what has a live driver is left alone.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from phoenix.adapters.ports import Host
from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.decision.comparison import Verdict
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.domain.phases import OnPromote, Outcome, Phase
from phoenix.domain.record import EventKind, ExperimentRecord
from phoenix.services.approvals import BREACH, answer_to, interrupted
from phoenix.services.concurrency import everywhere
from phoenix.services.experiments import Experiments
from phoenix.services.run import cleaning, promoting, rolling_back
from phoenix.services.run.beating import beating
from phoenix.services.run.context import Run
from phoenix.services.run.ending import outcome_without_promotion, with_owed

STOPPING_PATIENCE = timedelta(seconds=45)
"""How long to wait for a live driver that was asked to stop; ending a collector takes up to 5 s, a server 10 s."""

HANDING_OVER = timedelta(minutes=1)
"""From the record to the flow run that is to take it up, at most; a server that hangs is given up after seconds."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What recovery did about one experiment.

    Attributes:
        experiment: Its id.
        name: Its name.
        phase: The phase it was found in.
        ended: How it ended; None where it was left alone.
        words: What was done or why not, one sentence.
        failed: The repair was tried and did not succeed; it can be tried again.
    """

    experiment: str
    name: str
    phase: Phase
    ended: Phase | None
    words: str
    failed: bool = False


class Recovery:
    """Finds and repairs what nobody drives any more."""

    def __init__(
        self,
        store: ExperimentStore,
        experiments: Experiments,
        is_alive: Callable[[ExperimentRecord], bool],
        on_ended: Callable[[str], object] = lambda _experiment: None,
        waits: Callable[[str], bool | None] = lambda _experiment: False,
    ) -> None:
        """See the module.

        Args:
            store: The ledger.
            experiments: Opens what is to be ended.
            is_alive: Whether a record's driver lives.
            on_ended: Told of each experiment that was ended.
            waits: Whether a flow run for that experiment is still to begin; None where nobody can be asked.
        """
        self._store = store
        self._experiments = experiments
        self._is_alive = is_alive
        self._on_ended = on_ended
        self._waits = waits

    def recover(self, *, wait_for_stopping: bool = True) -> tuple[Repair, ...]:
        """Repair every unfinished experiment without a live driver.

        Args:
            wait_for_stopping: Give a driver that was asked to stop the time to do so.

        Returns:
            One entry for each unfinished experiment; one that failed to repair says why and can be tried again.
        """
        return tuple(self._repair(record, wait_for_stopping) for record in self._store.unfinished())

    def _repair(self, record: ExperimentRecord, wait: bool) -> Repair:
        if self._has_driver(record, wait):
            return Repair(record.id, record.name, record.phase, None, "is being driven; left alone")
        current = self._store.get(record.id)
        if current.phase.is_over:
            return Repair(record.id, record.name, record.phase, current.phase, "ended by itself")
        if words := self._why_waiting(current):
            return Repair(record.id, record.name, record.phase, None, words)
        try:
            ended = self._end(current, "its driver was lost", Phase.STOPPED)
        except Exception as fault:  # noqa: BLE001 - one record that cannot be read must not stand in the way of the others
            if isinstance(fault, PhoenixError) and fault.code == "driven":
                return Repair(record.id, record.name, record.phase, None, "is being driven; left alone")
            words = f"could not be repaired: {type(fault).__name__}: {fault}"
            return Repair(record.id, record.name, record.phase, None, words, failed=True)
        return Repair(record.id, record.name, record.phase, ended, "cleaned up; its driver was gone")

    def _why_waiting(self, record: ExperimentRecord) -> str:
        """Why nobody drives an experiment that a worker is to take up; "" where that is not so."""
        if (
            record.phase is not Phase.PENDING
            or record.driver is not None
            or record.stop_requested is not None
        ):
            return ""
        if any(event.kind is EventKind.INTENT for event in self._store.events(record.id)):
            return ""  # somebody drove it, and left
        if datetime.now(UTC) - record.created_at < HANDING_OVER:
            return "is being handed to a worker; left alone"
        waits = self._waits(record.id)
        if waits is None:
            return "it waits for a worker, if it still does: no Prefect server could be asked; left alone"
        return "waits for a worker; left alone" if waits else ""

    def end(self, experiment: str, why: str) -> None:
        """End an experiment whose driver the caller saw die; nothing where it ended itself.

        Args:
            experiment: Its id.
            why: What became of the driver, in words.

        Raises:
            DependencyError: If something is left on a host.
        """
        record = self._store.get(experiment)
        if not record.phase.is_over:
            self._end(record, why, Phase.STOPPED if record.stop_requested else Phase.FAILED)

    def _has_driver(self, record: ExperimentRecord, wait: bool) -> bool:
        deadline = time.monotonic() + STOPPING_PATIENCE.total_seconds()
        while self._is_alive(record):
            if not (wait and record.stop_requested) or time.monotonic() > deadline:
                return True
            time.sleep(0.1)
            record = self._store.get(record.id)
            if record.phase.is_over:
                return False
        return False

    def _end(self, record: ExperimentRecord, why: str, unjudged: Phase) -> Phase:
        """End it as its only driver; `unjudged` is the ending without a verdict."""
        run = self._experiments.take_over(record)
        try:
            with beating(run):
                ended = self._end_driven(record, run, why, unjudged)
        except BaseException:
            self._store.drive(record.id, None)
            raise
        self._on_ended(record.id)
        return ended

    def _end_driven(self, record: ExperimentRecord, run: Run, why: str, unjudged: Phase) -> Phase:
        everywhere(run.hosts, lambda host: _take(run, host))
        settled = self._settle_promotion(run, record)
        cleaning.clean_up(run)
        record = self._answered(record)
        phase, outcome, words = self._ending(record, run, settled, why)
        if phase is Phase.STOPPED and unjudged is Phase.FAILED:
            phase, outcome = Phase.FAILED, Outcome.NONE
            self._store.append(
                run.id, EventKind.FAILED, "run", {"error": words, "actor": DependencyError.actor}
            )
        self._store.finish(record.id, phase, outcome, with_owed(words, run))
        return phase

    def _answered(self, record: ExperimentRecord) -> ExperimentRecord:
        """The record, with what its ledger says became of the question that its driver died with."""
        result = interrupted(record.result, self._store.events(record.id))
        if result is None:
            return record
        self._store.save_result(record.id, result)
        return replace(record, result=result)

    def _settle_promotion(self, run: Run, record: ExperimentRecord) -> Outcome | None:
        """PROMOTED where production was switched on every host, the pipeline lives, and nobody wanted it back."""
        events = self._store.events(run.id)
        begun = [e for e in events if e.kind is EventKind.INTENT and e.step.startswith("promote@")]
        if not begun:
            return None
        since = {e.step for e in events if e.sequence > begun[-1].sequence and e.kind is EventKind.NOTE}
        if rolling_back.REQUESTED in since:
            rolling_back.restore(run)
            return Outcome.REVERTED
        serving = _serving(run)
        if not record.stop_requested and not since & {BREACH, promoting.TAKE_BACK}:
            if all(serving.values()):
                promoting.settle(run)
                return Outcome.PROMOTED
            _demand_answers(serving)
        promoting.take_back(run)
        is_reverted = BREACH in since or all(serving.values())
        return Outcome.REVERTED if is_reverted and not record.stop_requested else Outcome.NONE

    def _ending(
        self, record: ExperimentRecord, run: Run, promotion: Outcome | None, why: str
    ) -> tuple[Phase, Outcome, str]:
        gone = f"{why} in the phase {record.phase.value}; the hosts were cleaned up after it"
        judged = any(e.kind is EventKind.DONE and e.step == "compare" for e in self._store.events(record.id))
        if promotion is Outcome.PROMOTED or promotion is Outcome.REVERTED:
            return Phase.COMPLETED, promotion, gone
        verdict = (record.result or {}).get("verdict")
        if not judged or (verdict == Verdict.PROMOTE and run.spec.on_promote is OnPromote.AUTO):
            reason = f"stopped: {record.stop_requested}; " if record.stop_requested else ""
            return Phase.STOPPED, Outcome.STOPPED, reason + gone
        answer = answer_to(self._store, record.id)
        outcome = outcome_without_promotion(Verdict(str(verdict)), run.spec.on_promote, answer)
        return Phase.COMPLETED, outcome, gone


def _take(run: Run, host: Host) -> None:
    """Take the host, if it answers and nobody else has it by now.

    Ours can be cleaned up beside another's experiment, for that touches only what is ours; a change of production is
    refused by the host without the lease.
    """
    with suppress(StateError, DependencyError):
        run.leases[host.name] = host.acquire(run.id, run.lease_lifetime)


def _serving(run: Run) -> dict[str, bool | None]:
    """By host, whether the promoted pipeline is active and lives there; None where nobody can be asked."""
    found: dict[str, bool | None] = {}

    def look(host: Host) -> None:
        found[host.name] = None
        found[host.name] = _is_ours_and_lives(run, host)

    for _, fault in everywhere(run.hosts, look):
        if not isinstance(fault, DependencyError):
            raise fault
    return found


def _is_ours_and_lives(run: Run, host: Host) -> bool:
    active = host.active()
    return active is not None and active.owner == run.id and host.exit_reason(active.place) is None


def _demand_answers(serving: Mapping[str, bool | None]) -> None:
    """Before a whole fleet is taken back because one host does not answer, wait until it does."""
    silent = [host for host, serves in serving.items() if serves is None]
    if silent and False not in serving.values():
        raise DependencyError(
            f"{', '.join(silent)} cannot be asked whether the promoted pipeline serves there",
            code="unreachable",
            hint="phoenix recover settles the promotion when it answers",
        )
