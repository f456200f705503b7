"""What the steps of a run share: the record, the plan, the hosts with their leases, and the wish to stop."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import ConfigValidator, Host, Lease, LoadSession
from phoenix.adapters.stores import DeploymentStore, ExperimentStore
from phoenix.domain.decision.comparison import Design
from phoenix.domain.errors import StateError
from phoenix.domain.experiment import ExperimentDocument
from phoenix.domain.phases import Phase
from phoenix.domain.record import Driver, EventKind, ExperimentRecord
from phoenix.manifests.plan import Plan
from phoenix.services.measuring.ticker import Ticker
from phoenix.services.run.leases import LeaseKeeper

LEASE_LIFETIME = timedelta(minutes=2)
"""Long enough for a paused machine, short enough that a lost driver does not block a host for the day."""


class RunStopped(StateError):
    """Somebody asked for the end of the run; the flow cleans up and ends it as stopped."""

    default_code = "stopped"


LEFT_OUT = "left_out"
"""The ledger's note of a host that the run goes on without; it holds nothing of the run any more."""


class GivenUpError(StateError):
    """Work on one host was broken off because another one failed; that one says why."""

    default_code = "given_up"


class Run:
    """One experiment, driven by this process.

    Attributes:
        hosts: Those that it still runs on, in the order of the spec.
        left_out: Hosts that it goes on without, each with why.
        owed: Hosts that could not be cleaned up, each with why; the clean-up is on the list of what is owed.
        purpose: What a run whose experiment is judged already is for, in a word.
        gives_up: A host failed, and what is done on others at this moment is in vain.
        ticker: The schedule of its scrapes; what is measured after the verdict keeps to it.
    """

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
        self.hosts = tuple(hosts)
        self.archive = archive
        self.validator = validator
        self.outcome = record.outcome
        self.is_judged = record.phase is Phase.COMPLETED
        self.purpose = "promotion"
        self.driver: Driver | None = None
        self.leases: dict[str, Lease] = {}
        self.left_out: dict[str, str] = {}
        self.owed: dict[str, str] = {}
        self.loads: list[LoadSession] = []
        self.sessions: dict[str, ExitStack] = {}
        self.halted = Event()
        self.gives_up = Event()
        self.ticker = self.schedule()
        self._halt_reason = ""
        self._keeper = LeaseKeeper()
        self._stopped: RunStopped | None = None

    def schedule(self) -> Ticker:
        """A schedule of scrapes that begins with its first one."""
        return Ticker(self.spec.scrape_interval, self.halted)

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
            self._stop("Another process took the experiment over.")
        if record.stop_requested is not None:
            self._stop(f"The experiment was stopped: {record.stop_requested}.")

    @property
    def stopped(self) -> RunStopped | None:
        """The stop that the run heeds; None while nobody asked for one, or it has not looked yet."""
        return self._stopped

    def heed_stop(self) -> None:
        """For threads that work on a host beside the one that drives: end soon when it will not go on.

        Raises:
            RunStopped: What `check_stop` raised there.
            GivenUpError: Another host failed.
        """
        if self._stopped is not None:
            raise RunStopped(self._stopped.message)
        if self.gives_up.is_set():
            raise GivenUpError("It was given up, for another host failed.")

    def _stop(self, words: str) -> None:
        self._stopped = RunStopped(words)
        raise self._stopped

    def keep_leases(self) -> None:
        """Renew every lease that is due; one that expired meanwhile comes back unless somebody else took the host."""
        self._keeper.keep(self.hosts, self.leases, self.lease_lifetime)

    def leave_out(self, host: Host, why: str) -> None:
        """Go on without a host that holds nothing of the run any more; there must be others."""
        self.note(LEFT_OUT, {"host": host.name, "why": why})
        self.left_out[host.name] = why
        self.leases.pop(host.name, None)
        self.hosts = tuple(other for other in self.hosts if other is not host)

    @property
    def lease_lifetime(self) -> timedelta:
        """Some looks may be late, but a look comes at each scrape."""
        return max(LEASE_LIFETIME, 3 * self.spec.scrape_interval)

    def lease_of(self, host: Host) -> Lease:
        """The right to change production there; taken now where it was not.

        Raises:
            StateError: Somebody else has it.
        """
        if host.name not in self.leases:
            self.leases[host.name] = host.acquire(self.id, self.lease_lifetime)
        return self.leases[host.name]

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

    def design(self, hosts: Sequence[Host] | None = None) -> Design:
        """Of all its hosts, or of some of them."""
        names = tuple(host.name for host in (self.hosts if hosts is None else hosts))
        return design_of(self.document, self.plan, names)


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
