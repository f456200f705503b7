"""The ports: what the services need from the outside, as protocols.

One contract suite per port runs over every adapter and every fake (tests/contracts). Every verb is idempotent: done
twice is done once, and undoing what was never done is fine.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from phoenix.adapters.machines.machine import Facts
from phoenix.domain.load.run import LoadStatus
from phoenix.domain.processes import Census

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
        self, owner: str, request: Mapping[str, object], lifetime: timedelta
    ) -> AbstractContextManager[LoadSession]:
        """Start the processes of `request` (`LoadPlan.request`); return once the requested population stands.

        Raises:
            SpecError: It asks for what no host can do.
            StateError: It asks for what this host does not allow; nothing was started.
        """
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


class KeeperRunner(Protocol):
    """Starts the process that keeps a load run; it outlives us."""

    def start(self, load: str) -> "KeeperProcess": ...


class KeeperProcess(Protocol):
    """A keeper that was started."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def last_words(self) -> str:
        """The end of what it said, for a person who asks why it died; "" where it said nothing."""
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
