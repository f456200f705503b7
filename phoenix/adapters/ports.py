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
from phoenix.domain.announcement import Announcement, Notice
from phoenix.domain.flow_run import FlowEnd, FlowRun
from phoenix.domain.load.run import LoadStatus
from phoenix.domain.logins import TargetBlock
from phoenix.domain.otlp import OtlpBackend
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


class BlockLibrary(Protocol):
    """What people saved as blocks on a Prefect server; their secrets stay in memory.

    Raises (every verb): SpecError `unknown_block`, with near matches, `ambiguous_block` or `unusable_block`;
    DependencyError `no_prefect_server` where none is named and none of ours runs, else what it lacks.
    """

    def uri(self, name: str) -> str:
        """The canonical target that a block of a host names; no secret is asked for."""
        ...

    def target(self, name: str) -> TargetBlock: ...

    def backend(self, name: str) -> OtlpBackend: ...


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

    def start(self, flow: str, experiment: str, reason: str = "") -> "FlowProcess":
        """Start `experiment`, `promotion` or `rollback` for an experiment's id; the latter two are told why."""
        ...

    def withdraw(self, experiment: str) -> None:
        """Take back what was started for an experiment and has not begun; nothing where there is none."""
        ...


class HostTurns(Protocol):
    """The right of a run to its hosts among runs that one server shows: others wait for it instead of failing.

    The lease on the host stays the lock: without a turn two runs still do not meet there.
    """

    @property
    def turn(self) -> str | None:
        """What others can give back for a run that died (`FlowRuns.give_back_turn`); None where none was taken."""
        ...

    def take(self, hosts: Sequence[str]) -> bool:
        """All of them at once, kept until `give_back`; False while another run has one.

        Raises:
            DependencyError: Nobody can be asked.
        """
        ...

    def give_back(self) -> None:
        """Let others have them; nothing where none were taken."""
        ...


class FlowProcess(Protocol):
    """A started flow."""

    def place(self) -> str:
        """Where it runs and why there, in words for a person."""
        ...

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def interrupt(self) -> None:
        """Ask it to end and to clean up."""
        ...

    def last_words(self) -> str:
        """The end of what it printed, for a person who asks why it died; "" where it said nothing."""
        ...


class FlowRuns(Protocol):
    """The flow runs of ours on a Prefect server: those of our deployments, and those labelled as ours.

    Raises (every verb): DependencyError where the server does not answer, or refuses us.
    """

    def unfinished(self) -> tuple[FlowRun, ...]:
        """All that somebody took and that are not over, oldest first."""
        ...

    def is_waiting(self, experiment: str) -> bool:
        """Whether a run that is tagged with this experiment's id is not over; also one that nobody took yet."""
        ...

    def worker_silence(self, worker: str) -> timedelta | None:
        """Since when the server has not heard of a worker; None if it never did."""
        ...

    def end(self, run: FlowRun, end: FlowEnd, message: str) -> bool:
        """Set its end, unless it ended meanwhile; whether it was set."""
        ...

    def give_back_turn(self, turn: str) -> None:
        """Let other runs have the hosts of one that died; nothing where they have them already."""
        ...

    def forget(self, flow: str, *, older_than: timedelta) -> int:
        """Delete the runs of a scheduled flow that ended so long ago; how many, at most some hundreds at a time.

        Those that failed, crashed, or whose state has a name of its own told of something: they are kept for 30 days
        at least. Those that are late by more than a minute are deleted too: the next one does their work.
        """
        ...


class FlowProcesses(Protocol):
    """What of Prefect runs on this machine."""

    def is_running(self, flow_run: str) -> bool:
        """Whether a process here was started for this very flow run."""
        ...

    def worker_age(self, name: str) -> timedelta | None:
        """How long the youngest worker of this name has been running here; None if none does."""
        ...


class EventFeed(Protocol):
    """Where others subscribe to what happens."""

    def send(self, announcements: Sequence[Announcement]) -> None:
        """Hand them over; the same twice is the same once.

        Raises:
            DependencyError: Nobody took them, or not all; they may be sent again.
        """
        ...


class Notifier(Protocol):
    """Tells people."""

    @property
    def has_targets(self) -> bool:
        """Whether there is anybody to tell."""
        ...

    def notify(self, notice: Notice) -> None:
        """Hand a notice over to every target and return at once; never raises."""
        ...

    def drain(self, seconds: float) -> None:
        """Wait until all of it is delivered or given up, for so long at most; never raises."""
        ...
