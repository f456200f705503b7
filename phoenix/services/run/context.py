"""What the steps of a run share: the record, the plan, the hosts with their leases, and the wish to stop."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import (
    ConfigValidator,
    DeploymentStore,
    ExperimentStore,
    Host,
    Lease,
    LoadSession,
)
from phoenix.domain.decision.comparison import Design
from phoenix.domain.errors import StateError
from phoenix.domain.experiment import ExperimentDocument
from phoenix.domain.phases import Phase
from phoenix.domain.record import Driver, EventKind, ExperimentRecord
from phoenix.manifests.plan import Plan

LEASE_LIFETIME = timedelta(minutes=2)
"""Long enough for a paused machine, short enough that a lost driver does not block a host for the day."""


class RunStopped(StateError):
    """Somebody asked for the end of the run; the flow cleans up and ends it as stopped."""

    default_code = "stopped"


class Run:
    """One experiment, driven by this process."""

    def __init__(
        self,
        record: ExperimentRecord,
        document: ExperimentDocument,
        plan: Plan,
        store: ExperimentStore,
        deployments: DeploymentStore,
        hosts: Sequence[Host],
        archive: Archive,
        validator: Callable[[], ConfigValidator],
    ) -> None:
        self.id = record.id
        self.document = document
        self.spec = document.spec
        self.plan = plan
        self.store = store
        self.deployments = deployments
        self.deployments = deployments
        self.hosts = tuple(hosts)
        self.archive = archive
        self.validator = validator
        self.outcome = record.outcome
        self.is_judged = record.phase is Phase.COMPLETED
        self.driver: Driver | None = None
        self.leases: dict[str, Lease] = {}
        self.loads: list[LoadSession] = []
        self.sessions = ExitStack()
        self.halted = Event()
        self._halt_reason = ""

    def halt(self, reason: str) -> None:
        """Ask the run to end at its next look. Not inside a signal handler: setting an event may wait for itself."""
        self._halt_reason = self._halt_reason or reason
        self.halted.set()

    def check_stop(self) -> None:
        """Say that the driver lives, keep the leases, and look whether somebody asked for the end.

        Raises:
            RunStopped: With who asked and why.
        """
        self.keep_leases()
        if self.halted.is_set():
            self.store.request_stop(self.id, self._halt_reason)
        record = self.store.beat(self.id)
        if record.phase.is_over or (self.driver is not None and record.driver != self.driver):
            raise RunStopped("Another process took the experiment over.")
        if record.stop_requested is not None:
            raise RunStopped(f"The experiment was stopped: {record.stop_requested}.")

    def keep_leases(self) -> None:
        """Renew every lease; one that expired meanwhile comes back unless somebody else took the host."""
        for host in self.hosts:
            if lease := self.leases.get(host.name):
                host.renew(lease, self.lease_lifetime)

    @property
    def lease_lifetime(self) -> timedelta:
        """Some looks may be late, but a look comes at each scrape."""
        return max(LEASE_LIFETIME, 3 * self.spec.scrape_interval)

    def lease_of(self, host: Host) -> Lease:
        """The right to change production there.

        Raises:
            StateError: Somebody else has it.
        """
        if lease := self.leases.get(host.name):
            return lease
        raise StateError(
            f"{host.name} is held by another experiment; {self.id} cannot change its active pipeline now.",
            code="host_taken",
            hint="phoenix recover tries again",
        )

    def enter(self, phase: Phase) -> None:
        self.store.enter(self.id, phase)

    def note(self, step: str, data: Mapping[str, object]) -> None:
        self.store.append(self.id, EventKind.NOTE, step, data)

    @contextmanager
    def step(self, name: str, data: Mapping[str, object] | None = None) -> Generator[dict[str, object]]:
        """Bracket a side effect: intent before it, outcome after it. What the body puts into the value is recorded."""
        self.store.append(self.id, EventKind.INTENT, name, data or {})
        outcome: dict[str, object] = {}
        try:
            yield outcome
        except BaseException as error:
            self.store.append(self.id, EventKind.FAILED, name, {**outcome, "error": str(error)})
            raise
        self.store.append(self.id, EventKind.DONE, name, outcome)

    def design(self) -> Design:
        return design_of(self.document, self.plan, tuple(host.name for host in self.hosts))


def design_of(document: ExperimentDocument, plan: Plan, hosts: tuple[str, ...]) -> Design:
    """What the comparison needs to know of an experiment."""
    spec = document.spec
    return Design(
        criteria=spec.criteria(),
        warmup=spec.warmup,
        minimum_scrapes=spec.minimum_scrapes,
        alpha=spec.alpha,
        interval_seconds=spec.scrape_interval.total_seconds(),
        hosts=hosts,
        baseline_name=plan.baseline.pipeline,
        candidate_name=plan.candidate.pipeline,
        has_equal_receivers=plan.has_equal_receivers,
    )
