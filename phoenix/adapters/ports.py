"""The ports: what the services need from the outside, as protocols.

One contract suite per port runs over every adapter and every fake (tests/contracts). Every verb is idempotent: done
twice is done once, and undoing what was never done is fine.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from phoenix.adapters.machines.machine import Facts
from phoenix.domain.deployment import Owed, Revision, TargetRecord
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.processes import Census
from phoenix.domain.record import Driver, Event, EventKind, ExperimentRecord
from phoenix.domain.samples import Scrape

Progress = Callable[[str], None]
"""Takes one line for a person who waits."""


class ConfigValidator(Protocol):
    """The collector's own check of a configuration."""

    def validate(self, config: str, environ: Mapping[str, str]) -> str | None:
        """None if the collector accepts `config`, else its first complaint. `environ` fills `${env:...}`."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change a host.

    Attributes:
        host: The host's name.
        holder: Who holds it, an experiment's id.
        fence: Grows with every lease ever given on that host; the host refuses an older one.
    """

    host: str
    holder: str
    fence: int


@dataclass(frozen=True, slots=True)
class CollectorLaunch:
    """A collector to be started.

    Attributes:
        owner: The experiment's id; stands in the process's environment as PHOENIX_OWNER.
        pipeline: The pipeline's display name.
        version: sha256 of the pipeline's own part.
        config: The whole configuration, YAML text; addresses stand in it as `${env:PHOENIX_...}`.
        lifetime: After it the host itself ends the process, with no help from us; None only for the active pipeline.
        environment_of: A place whose variables, as the host keeps them, stand in for those that are not set here.
    """

    owner: str
    pipeline: str
    version: str
    config: str
    lifetime: timedelta | None
    environment_of: str | None = None


@dataclass(frozen=True, slots=True)
class RunningCollector:
    """A collector that was started on a host; it may have died since (`Host.exit_reason`).

    Attributes:
        place: `baseline`, `candidate` or `revision-N`.
        pid: The collector's own process id on the host, not its supervisor's.
        pipeline: Display name of the pipeline.
        version: sha256 of the pipeline's own part.
        digest: sha256 of the whole configuration text.
        owner: The experiment that started it.
        metrics_url: Where its Prometheus exporter answers, for `Host.fetch`.
        telemetry_url: Where its own telemetry answers, for `Host.fetch`.
    """

    place: str
    pid: int
    pipeline: str
    version: str
    digest: str
    owner: str
    metrics_url: str
    telemetry_url: str


class CensusSession(Protocol):
    """A census taker on a host; ends with the context that opened it, or when its driver dies."""

    def take(self, collectors: Sequence[int], timeout: timedelta) -> Census:
        """The process table now; throttling for the pids in `collectors`.

        Raises:
            DependencyError: The agent died or did not answer in time.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """What the load generator achieves.

    Attributes:
        requested: Processes asked for.
        achieved: Processes alive now.
        spawned: Processes started since the beginning.
        error: Why the generator ended early; "" while it runs or after a proper stop.
    """

    requested: int
    achieved: int
    spawned: int
    error: str = ""


class LoadSession(Protocol):
    """A running load; ends with the context that started it, when its driver dies, or at its deadline."""

    def status(self) -> LoadStatus: ...


class Host(Protocol):
    """One machine with slots for collectors.

    Raises (every verb): DependencyError where the host does not do what was asked; StateError for a lease that is
    taken or outdated.
    """

    @property
    def name(self) -> str: ...

    def facts(self) -> Facts:
        """What the machine is; the first verb that opens it."""
        ...

    def notices(self) -> tuple[str, ...]:
        """What the host cannot do and a person should know, one sentence each; empty where it can do all."""
        ...

    def acquire(self, holder: str, lifetime: timedelta) -> Lease:
        """Take the host for `holder`; a holder may take it again. StateError names who holds it otherwise."""
        ...

    def renew(self, lease: Lease, lifetime: timedelta) -> None: ...

    def release(self, holder: str) -> None: ...

    def lease(self) -> Lease | None:
        """The lease in force; None if there is none or it expired."""
        ...

    def start_collector(self, place: str, launch: CollectorLaunch, lease: Lease) -> RunningCollector:
        """Validate with the host's binary, start supervised, and return once its telemetry answers."""
        ...

    def revive(self, place: str, lease: Lease) -> RunningCollector:
        """Start again what stood there, from what the host itself keeps; nothing if it runs."""
        ...

    def retire(self, place: str) -> None:
        """End it, but keep on the host what it takes to start it again: it was the last known good."""
        ...

    def collector(self, place: str) -> RunningCollector | None:
        """What was started there and not stopped, dead or alive."""
        ...

    def config(self, place: str) -> str:
        """The configuration text of what was started there."""
        ...

    def exit_reason(self, place: str) -> str | None:
        """None while it runs; else why it does not, with its last log lines."""
        ...

    def stop_collector(self, place: str) -> str:
        """End it and everything it started, check that, remove its files; returns the end of its log."""
        ...

    def active(self) -> RunningCollector | None:
        """The pipeline that production uses, by the `active` link."""
        ...

    def revisions(self) -> tuple[RunningCollector, ...]:
        """Every revision that the host keeps, ascending: what serves, what runs beside it, what was retired."""
        ...

    def next_revision(self) -> int: ...

    def activate(self, place: str | None, lease: Lease) -> None:
        """Point the `active` link at `revision-N` in one atomic step, or remove it (None). Stops nothing."""
        ...

    def open_census(self, owner: str, lifetime: timedelta) -> AbstractContextManager[CensusSession]: ...

    def start_load(
        self, owner: str, patterns: Sequence[Mapping[str, object]], seed: int, lifetime: timedelta
    ) -> AbstractContextManager[LoadSession]:
        """Start the processes and return once the requested population stands."""
        ...

    def fetch(self, url: str, timeout: timedelta) -> bytes:
        """The body of an HTTP GET made on the host."""
        ...

    def leftovers(self, owner: str) -> tuple[str, ...]:
        """Processes, files and leases of `owner` that still exist, in words; empty when nothing is left.

        Revisions that are active are production, not leftovers.
        """
        ...

    def clear(self, owner: str) -> None:
        """End and remove everything of `owner` but an active revision, however it was left."""
        ...


class HostDirectory(Protocol):
    """Finds hosts by their target."""

    def check(self, target: str) -> None:
        """Look at the target's form only; touches nothing.

        Raises:
            SpecError: If there is no such kind of target.
        """
        ...

    def open(self, target: str) -> Host:
        """The host of a target that `check` accepts."""
        ...


class ExperimentStore(Protocol):
    """Experiments, their ledger and their scrapes. Every verb is one transaction."""

    def create(self, record: ExperimentRecord) -> None: ...

    def get(self, reference: str) -> ExperimentRecord:
        """By id, else the newest of that name. StateError `unknown_experiment` names near matches."""
        ...

    def list(self, *, limit: int = 100) -> tuple[ExperimentRecord, ...]:
        """Newest first."""
        ...

    def unfinished(self) -> tuple[ExperimentRecord, ...]:
        """All whose phase is not an ending."""
        ...

    def delete(self, experiment: str) -> None:
        """The record, its ledger and its scrapes."""
        ...

    def enter(self, experiment: str, phase: Phase) -> None:
        """Set the phase and write it to the ledger."""
        ...

    def append(self, experiment: str, kind: EventKind, step: str, data: Mapping[str, object]) -> int: ...

    def events(self, experiment: str, *, after: int = 0) -> tuple[Event, ...]: ...

    def request_stop(self, experiment: str, reason: str) -> None:
        """The first request stands; a later one changes nothing."""
        ...

    def drive(self, experiment: str, driver: Driver | None) -> None:
        """Name the driver (and beat once), or None when it is done."""
        ...

    def claim(self, experiment: str, driver: Driver, *, instead_of: Driver | None) -> None:
        """Become its driver in one step, if its driver still is `instead_of`.

        Raises:
            StateError: Code `driven`, if somebody else was faster.
        """
        ...

    def beat(self, experiment: str) -> ExperimentRecord:
        """Say that the driver lives; returns the record, with a stop request if there is one."""
        ...

    def save_result(self, experiment: str, result: Mapping[str, object]) -> None: ...

    def finish(self, experiment: str, phase: Phase, outcome: Outcome, error: str) -> None:
        """Enter an ending: phase, outcome, error, finish time, no driver."""
        ...

    def add_scrapes(self, experiment: str, scrapes: Sequence[Scrape]) -> None: ...

    def scrapes(self, experiment: str, *, after: int = 0) -> tuple[Scrape, ...]:
        """By number, then host; numbers above `after`."""
        ...


class FlowRunner(Protocol):
    """Starts flows: a Prefect deployment run where a server with a worker is up, else a child process."""

    def start(self, flow: str, experiment: str) -> "FlowProcess": ...


class FlowProcess(Protocol):
    """A started flow."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def interrupt(self) -> None:
        """Ask it to end and to clean up."""
        ...

    def last_words(self) -> str:
        """The end of what it printed, for a person who asks why it died; "" where it said nothing."""
        ...


class DeploymentStore(Protocol):
    """What was deployed on each host, and what is still owed there. Every verb is one transaction.

    At most one revision of a host is ACTIVE, whoever writes at once; no reader sees a switch half done.

    Raises (every verb about one revision): StateError `unknown_revision`, whose hint lists the numbers there are;
    StateError `revision_state` where the revision's state does not allow it.
    """

    def begin(self, revision: Revision) -> None:
        """Write the intent, a PENDING revision. StateError `revision_exists` if the host's number is taken."""
        ...

    def activate(self, host: str, number: int, at: datetime) -> None:
        """It serves since `at`, driven by nobody; what served until then is REPLACED. From PENDING or REPLACED."""
        ...

    def fail(self, host: str, number: int, error: str, *, restored: int | None = None) -> None:
        """It failed or was taken back, from PENDING or ACTIVE; `restored` serves again, in the same step.

        Of one that has failed already the first error stands, and `restored` serves only where nothing does.
        """
        ...

    def remove(self, host: str, number: int) -> None:
        """A person deleted it, in whatever state; it stays in the history."""
        ...

    def get(self, host: str, number: int) -> Revision: ...

    def history(self, host: str, *, limit: int = 50) -> tuple[Revision, ...]:
        """Newest first; empty for a host without any."""
        ...

    def active(self) -> tuple[Revision, ...]:
        """What serves, one for each host that has one, by host."""
        ...

    def pending(self) -> tuple[Revision, ...]:
        """Intents without an outcome, by host and number."""
        ...

    def hosts(self) -> tuple[str, ...]:
        """Every host that ever had a revision and was not forgotten, sorted."""
        ...

    def claim(self, host: str, number: int, driver: Driver, *, instead_of: Driver | None) -> None:
        """Become its driver in one step, if its driver still is `instead_of`.

        Raises:
            StateError: Code `driven`, if somebody else was faster.
        """
        ...

    def forget(self, host: str) -> None:
        """Every revision of a host that is gone for ever, and what is owed there."""
        ...

    def owe(self, host: str, owner: str, why: str) -> None:
        """Keep in mind that `owner` must be cleared on `host`; once more replaces `why` and keeps since when."""
        ...

    def owed(self) -> tuple[Owed, ...]:
        """By host and owner."""
        ...

    def settle(self, host: str, owner: str) -> None:
        """It was cleared."""
        ...


class TargetStore(Protocol):
    """Targets saved under names. Every verb is one transaction."""

    def save(self, record: TargetRecord) -> None:
        """Add it, or replace the one of that name."""
        ...

    def get(self, name: str) -> TargetRecord:
        """StateError `unknown_target_name` names near matches."""
        ...

    def list(self) -> tuple[TargetRecord, ...]:
        """By name."""
        ...

    def remove(self, name: str) -> None: ...

    def select(self, labels: Mapping[str, str]) -> tuple[TargetRecord, ...]:
        """Those that have every one of `labels` with that value, by name; no labels select all."""
        ...
