"""The verbs of an experiment, for every door: create, start, look, stop, promote, roll back, delete."""

import secrets
import string
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import ConfigValidator, FlowProcess, FlowRunner, HostDirectory
from phoenix.adapters.store.rules import driven
from phoenix.adapters.stores import DeploymentStore, ExperimentStore
from phoenix.domain.decision.comparison import Verdict
from phoenix.domain.errors import DependencyError, StateError
from phoenix.domain.experiment import read_document
from phoenix.domain.findings import as_document
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, EventKind, ExperimentRecord
from phoenix.domain.samples import Variant
from phoenix.manifests.plan import Plan
from phoenix.services.drafts import Draft
from phoenix.services.run.context import LEFT_OUT, Run
from phoenix.services.run.rolling_back import REQUESTED
from phoenix.services.run.validating import validated
from phoenix.services.views.reports import write_report

_ID_LETTERS = string.ascii_lowercase + string.digits


class Experiments:
    """Experiments of this installation."""

    def __init__(
        self,
        store: ExperimentStore,
        deployments: DeploymentStore,
        hosts: HostDirectory,
        archive: Archive,
        flows: FlowRunner,
        validator: Callable[[], ConfigValidator],
        this_process: Callable[[], Driver],
        starter: Callable[[], Driver | None],
        is_alive: Callable[[ExperimentRecord], bool],
    ) -> None:
        self._store = store
        self._deployments = deployments
        self._hosts = hosts
        self._archive = archive
        self._flows = flows
        self._validator = validator
        self._this_process = this_process
        self._starter = starter
        self._is_alive = is_alive

    def refuse_invalid(self, draft: Draft) -> None:
        """Have the collector check both configurations, before anything is recorded.

        Raises:
            SpecError: With what it says of each variant that it refuses.
        """
        validated(draft.plan, self._validator())

    def create(self, draft: Draft) -> ExperimentRecord:
        """Record a draft; nothing is started."""
        record = ExperimentRecord(
            id="exp-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8)),
            name=draft.document.metadata.name,
            document={
                "document": draft.document.as_document(),
                "asked": list(draft.asked),
                "plan": draft.plan.as_document(),
            },
            phase=Phase.PENDING,
            outcome=Outcome.NONE,
            created_at=datetime.now(UTC),
            # Until the flow names itself, its starter answers for it: a record whose starter died is recovered.
            driver=self._this_process(),
            findings=tuple(as_document(finding) for finding in draft.findings),
        )
        self._store.create(record)
        return record

    def start(self, record: ExperimentRecord) -> FlowProcess:
        """Start the experiment's flow.

        Raises:
            StateError: If it was started before.
        """
        if record.phase is not Phase.PENDING:
            raise StateError(f"{record.name} was started before and is {record.phase.value}.")
        return self._flows.start("experiment", record.id)

    def promote(
        self, reference: str, reason: str, variant: Variant = Variant.CANDIDATE
    ) -> tuple[ExperimentRecord, FlowProcess]:
        """Start the promotion of an experiment that said PROMOTE and was only reported.

        Raises:
            StateError: If its verdict is another, or something was done about it already.
        """
        record = self._store.get(reference)
        if variant is not Variant.CANDIDATE:
            raise StateError(
                f"The {variant} of {record.name} cannot be promoted: the verdict is about the candidate.",
                code="not_promotable",
                hint="phoenix pipeline deploy lets a pipeline serve without an experiment",
            )
        _refuse_unless_promotable(record)
        return record, self._flows.start("promotion", record.id, reason)

    def open_promotion(self, reference: str, reason: str) -> Run:
        """Become the driver of a promotion, and write down that it was asked for.

        Raises:
            StateError: See `promote`; code `driven`, if somebody else was faster.
        """
        return self._open_request(reference, _refuse_unless_promotable, "promote_requested", reason)

    def rollback(self, reference: str, reason: str) -> tuple[ExperimentRecord, FlowProcess]:
        """Start to take a promotion back that held.

        Raises:
            StateError: If nothing of it was promoted, or it is not over.
        """
        record = self._store.get(reference)
        _refuse_unless_promoted(record)
        return record, self._flows.start("rollback", record.id, reason)

    def open_rollback(self, reference: str, reason: str) -> Run:
        """Become the driver of a rollback, and write down that it was asked for.

        Raises:
            StateError: See `rollback`; code `driven`, if somebody else was faster.
        """
        return self._open_request(reference, _refuse_unless_promoted, REQUESTED, reason)

    def _open_request(
        self, reference: str, refuse: Callable[[ExperimentRecord], None], step: str, reason: str
    ) -> Run:
        record = self._store.get(reference)
        refuse(record)
        run = self.take_over(record)
        self._store.append(record.id, EventKind.NOTE, step, {"reason": reason})
        return run

    def stop(self, reference: str, reason: str) -> ExperimentRecord:
        """Ask a running experiment to end and clean up.

        Raises:
            StateError: If it is over.
        """
        record = self._store.get(reference)
        if record.phase.is_over:
            raise StateError(f"{record.name} is over already: {record.phase.value}.", code="already_over")
        self._store.request_stop(record.id, reason)
        stopped = self._store.get(record.id)
        if stopped.driver is None:
            self._flows.withdraw(stopped.id)
        return stopped

    def delete(self, reference: str) -> ExperimentRecord:
        """Forget an experiment that is over: record, ledger, scrapes, logs, reports.

        Raises:
            StateError: If it is not over.
        """
        record = self._store.get(reference)
        if not record.phase.is_over:
            raise StateError(
                f"{record.name} is {record.phase.value}; only an experiment that is over can be deleted.",
                code="still_running",
                hint=f"phoenix experiment stop {record.name}",
            )
        self._store.delete(record.id)
        self._archive.delete(record.id)
        return record

    def get(self, reference: str) -> ExperimentRecord:
        return self._store.get(reference)

    def list(self, limit: int = 100) -> tuple[ExperimentRecord, ...]:
        return self._store.list(limit=limit)

    def report(self, record: ExperimentRecord) -> Path:
        """Write its report, one offline HTML file; returns where."""
        return write_report(
            self._archive, record, self._store.scrapes(record.id), self._store.events(record.id)
        )

    def failed_for(self, record: ExperimentRecord) -> str:
        """Who can act on what made it fail (`PhoenixError.actor`); outside where nothing else is known."""
        failures = [
            e for e in self._store.events(record.id) if e.kind is EventKind.FAILED and e.step == "run"
        ]
        return str(failures[-1].data["actor"]) if failures else DependencyError.actor

    def open_run(self, experiment: str) -> Run:
        """Become the driver of an experiment."""
        return self.take_over(self._store.get(experiment))

    def take_over(self, record: ExperimentRecord) -> Run:
        """Become the driver of a recorded experiment, from a starter of this process or from a driver that is gone.

        Raises:
            StateError: Code `driven`, if somebody else drives it, or was faster.
        """
        run = self.run_of(record)
        run.driver = self._claim(record)
        return run

    def _claim(self, record: ExperimentRecord) -> Driver:
        me = self._this_process()
        holder = record.driver
        if holder not in (None, me, self._starter()) and self._is_alive(record):
            raise driven(record.id)
        self._store.claim(record.id, me, instead_of=holder)
        return me

    def run_of(self, record: ExperimentRecord) -> Run:
        """The run of a recorded experiment, without becoming its driver."""
        document = read_document(record.document["document"])
        plan = Plan.from_document(record.document["plan"])  # type: ignore[arg-type]
        left_out = self._left_out(record)
        hosts = [target for target in document.spec.targets if target not in left_out]
        run = Run(
            record,
            document,
            plan,
            self._store,
            self._deployments,
            [self._hosts.open(target) for target in hosts],
            self._archive,
            self._validator,
        )
        run.left_out = left_out
        return run

    def _left_out(self, record: ExperimentRecord) -> dict[str, str]:
        notes = (e for e in self._store.events(record.id) if e.kind is EventKind.NOTE and e.step == LEFT_OUT)
        return {str(note.data["host"]): str(note.data["why"]) for note in notes}


def _refuse_unless_promotable(record: ExperimentRecord) -> None:
    verdict = (record.result or {}).get("verdict")
    if record.phase is not Phase.COMPLETED or verdict != Verdict.PROMOTE:
        stands = f"its verdict is {verdict}" if verdict else f"it has no verdict and is {record.phase.value}"
        raise StateError(
            f"{record.name} cannot be promoted: {stands}.",
            code="not_promotable",
            hint="only a completed experiment with the verdict PROMOTE can; run it again",
        )
    if record.outcome is not Outcome.REPORTED:
        raise StateError(
            f"{record.name} cannot be promoted: it is {record.outcome.value} already.", code="not_promotable"
        )


def _refuse_unless_promoted(record: ExperimentRecord) -> None:
    if not record.phase.is_over:
        raise StateError(
            f"{record.name} cannot be rolled back: it is {record.phase.value}.",
            code="not_promoted",
            hint=f"phoenix experiment stop {record.name} ends it, and takes back what it promoted",
        )
    if record.outcome is not Outcome.PROMOTED:
        raise StateError(
            f"{record.name} cannot be rolled back: its outcome is {record.outcome.value}, it serves nowhere.",
            code="not_promoted",
        )
