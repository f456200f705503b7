"""The ports of what Phoenix remembers, as protocols; see `phoenix.adapters.ports` for the outside.

One contract suite per port runs over every adapter and every fake (tests/contracts). Every verb is one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from phoenix.domain.deployment import Owed, Revision, TargetRecord
from phoenix.domain.load.run import LoadEnding, LoadRun, LoadStatus
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, Event, EventKind, ExperimentRecord
from phoenix.domain.samples import Reading, Scrape

STORE_UNAVAILABLE = "store_unavailable"
"""Code of the DependencyError of any verb whose store does not answer."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a long list of experiments, newest first.

    Attributes:
        records: At most as many as were asked for.
        following: What to pass as `before` for the page behind it; None where this is the last one.
    """

    records: tuple[ExperimentRecord, ...]
    following: int | None


class LedgerWatch(Protocol):
    """Tells when the ledger may have grown, whichever process wrote to it."""

    def wait(self, seconds: float) -> None:
        """Return soon after something was written since the last return, or after that time; it may return for nothing."""
        ...

    def close(self) -> None:
        """Wait no more; by any thread, also while another waits."""
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

    def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        phases: Collection[Phase] = (),
        name: str | None = None,
    ) -> Page:
        """In the order of creation, newest first; what is created meanwhile moves nothing from one page to another.

        Args:
            limit: The most that come.
            before: `Page.following` of the page before it.
            phases: Only those in one of these; empty for all.
            name: Only those of this name.
        """
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

    def feed(self, *, after: int, limit: int = 1000) -> tuple[Event, ...]:
        """The ledger of all experiments behind a cursor, oldest first.

        A reader that goes on from the last sequence it saw misses none, however many write at once: an event is never
        committed behind one of a higher sequence.
        """
        ...

    def watch(self) -> LedgerWatch:
        """Waits for what is written; for one thread."""
        ...

    def newest_event(self, experiment: str | None = None) -> int:
        """The highest sequence that there is, of one experiment or of all; 0 in an empty ledger."""
        ...

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

    def scrapes(self, experiment: str, *, after: int = 0, to: int | None = None) -> tuple[Scrape, ...]:
        """By number, then host; numbers above `after`, and at most `to`."""
        ...

    def readings(self, experiment: str, *, after: int = 0, to: int | None = None) -> tuple[Reading, ...]:
        """The same scrapes with what a chart needs of them, at a third of the cost."""
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


class LoadRunStore(Protocol):
    """Load runs. Every verb is one transaction.

    Raises (every verb about one run but `get`): StateError `unknown_load_run` if there is none of that id.
    """

    def create(self, run: LoadRun) -> None:
        """Record a run. StateError `name_taken` where another of its name is not over."""
        ...

    def get(self, reference: str) -> LoadRun:
        """By id, else the newest of that name. StateError `unknown_load_run` names near matches."""
        ...

    def list(self, *, limit: int = 100) -> tuple[LoadRun, ...]:
        """Newest first."""
        ...

    def unfinished(self) -> tuple[LoadRun, ...]:
        """All that are not over, newest first."""
        ...

    def claim(self, load: str, driver: Driver, *, instead_of: Driver | None) -> LoadRun:
        """Become its driver in one step, if its driver still is `instead_of`.

        Raises:
            StateError: Code `driven`, if somebody else was faster; `load_over`, if it is over.
        """
        ...

    def release(self, load: str, left: Mapping[str, str]) -> LoadRun:
        """Nobody drives it any more; `left` says by target what stands in the way of its end."""
        ...

    def update(self, load: str, hosts: Mapping[str, LoadStatus]) -> LoadRun:
        """Say that the driver lives, and what each of these hosts achieves; what is over stays as it is.

        Returns:
            The run, with a stop request if there is one.
        """
        ...

    def running(self, load: str, at: datetime) -> None:
        """All processes stand since `at`; nothing if it stands already or is about to end."""
        ...

    def request_stop(self, load: str, reason: str) -> None:
        """The first request stands; a later one, or one for what is ending already, changes nothing."""
        ...

    def end(self, load: str, ending: LoadEnding) -> LoadRun:
        """Write why it ends, before anything is ended; the first reason stands."""
        ...

    def finish(self, load: str) -> LoadRun:
        """Nothing of it is left; nobody drives it. ValueError if nobody said before why it ends."""
        ...
