"""Would what was promoted be promoted today? Finds the experiments to run anew, and records them.

The new run has the recorded plan, pipeline by pipeline as it serves, not as the catalog renders it by now. It only
reports, whatever the first one did on PROMOTE: production is never touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from phoenix.adapters.ports import HostDirectory
from phoenix.adapters.stores import DeploymentStore, ExperimentStore
from phoenix.domain.errors import DependencyError, PhoenixError, StateError
from phoenix.domain.experiment import read_document
from phoenix.domain.phases import OnPromote, Outcome
from phoenix.domain.record import EventKind, ExperimentRecord
from phoenix.domain.trees import mapping_at, strings_at
from phoenix.manifests.plan import Plan
from phoenix.services.drafts import Draft
from phoenix.services.experiments import Experiments
from phoenix.services.run.context import LEFT_OUT

REVALIDATES = "revalidates"
"""The ledger's note of a new run: `experiment` is the id of the promoted one."""

_LOOKED_THROUGH = 1000
"""The newest experiments, among which promoted ones are looked for."""


@dataclass(frozen=True, slots=True)
class Promoted:
    """A promoted experiment.

    Attributes:
        record: Of it.
        why_not: Why it cannot be run anew now; "" where it can.
    """

    record: ExperimentRecord
    why_not: str = ""


class Revalidations:
    """Re-validation of promoted pipelines against their baselines.

    Args:
        experiments: The verbs by which a run is recorded.
        store: The ledger of experiments.
        deployments: Says what serves where.
        hosts: Says who holds a host.
    """

    def __init__(
        self,
        experiments: Experiments,
        store: ExperimentStore,
        deployments: DeploymentStore,
        hosts: HostDirectory,
    ) -> None:
        self._experiments = experiments
        self._store = store
        self._deployments = deployments
        self._hosts = hosts

    def due(self, references: Sequence[str] = ()) -> tuple[Promoted, ...]:
        """The promoted experiments, oldest first; of several with the same candidate on the same hosts the newest.

        Args:
            references: Names or ids; all whose candidate still serves when empty, and then no others.

        Raises:
            StateError: A name is not known.
        """
        if references:
            return tuple(
                Promoted(record, self._why_not(record)) for record in map(self._store.get, references)
            )
        newest: dict[tuple[object, ...], ExperimentRecord] = {}
        for record in self._store.list(limit=_LOOKED_THROUGH):
            if record.outcome is Outcome.PROMOTED and not self._why_not(record):
                newest.setdefault((_version(record), *self._hosts_of(record)), record)
        return tuple(Promoted(record) for record in reversed(newest.values()))

    def why_busy(self, record: ExperimentRecord) -> str:
        """Why its hosts cannot be had at this moment; "" where they can."""
        for host in self._hosts_of(record):
            try:
                lease = self._hosts.open(host).lease()
            except PhoenixError as fault:
                return f"{host}: {fault.message}"
            if lease is not None:
                return f"{host} is in use by {lease.holder}"
        return ""

    def record(self, promoted: ExperimentRecord) -> ExperimentRecord:
        """Record a new run of a promoted experiment, which says in its ledger what it is for; nothing is started."""
        document = read_document(promoted.document["document"])
        changes = {"on_promote": OnPromote.REPORT, "targets": self._hosts_of(promoted)}
        spec = document.spec.model_copy(update=changes)
        plan = Plan.from_document(mapping_at(promoted.document, "plan"))
        draft = Draft(document.model_copy(update={"spec": spec}), spec.targets, plan, ())
        record = self._experiments.create(draft)
        self._store.append(record.id, EventKind.NOTE, REVALIDATES, {"experiment": promoted.id})
        return record

    def _why_not(self, record: ExperimentRecord) -> str:
        if record.outcome is not Outcome.PROMOTED:
            return f"it was not promoted: its outcome is {record.outcome.value}"
        serving = {revision.host: revision.version for revision in self._deployments.active()}
        gone = [host for host in self._hosts_of(record) if serving.get(host) != _version(record)]
        return f"its candidate serves no more on {', '.join(gone)}" if gone else ""

    def _hosts_of(self, record: ExperimentRecord) -> tuple[str, ...]:
        """Those that it ran on to its end."""
        targets = strings_at(mapping_at(record.document, "document", "spec"), "targets")
        notes = (one for one in self._store.events(record.id) if one.kind is EventKind.NOTE)
        left_out = {str(note.data["host"]) for note in notes if note.step == LEFT_OUT}
        return tuple(target for target in targets if target not in left_out)


def demand_verdict(record: ExperimentRecord) -> str:
    """The verdict of a run that is over.

    Raises:
        StateError: It was stopped before one.
        DependencyError: It failed.
    """
    verdict = (record.result or {}).get("verdict")
    if record.outcome is Outcome.STOPPED:
        raise StateError(record.error or "it was stopped", code="stopped")
    if not record.phase.is_over or verdict is None or record.error:
        raise DependencyError(record.error or f"it is {record.phase.value} and has no verdict")
    return str(verdict)


def _version(record: ExperimentRecord) -> str:
    return str(mapping_at(record.document, "plan", "candidate", "own").get("version"))
