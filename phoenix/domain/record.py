"""What is remembered of an experiment: its record and the events of its ledger.

The ledger is append-only. A step with a side effect writes an INTENT before the effect and an outcome after it, so
that whoever finds the ledger knows what may have been started and not yet ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from phoenix.domain.phases import Outcome, Phase


class EventKind(StrEnum):
    """What an event of the ledger says."""

    PHASE = "phase"
    """The experiment entered the phase named by `step`."""
    INTENT = "intent"
    """`step` is about to change something outside."""
    DONE = "done"
    """`step` changed it, and its postcondition was checked."""
    FAILED = "failed"
    """`step` did not succeed; `data` holds the error."""
    UNDONE = "undone"
    """What `step` changed was taken back, and that was checked."""
    STOP_REQUESTED = "stop_requested"
    """A person or a signal asked for the end; `data` holds who and why."""
    NOTE = "note"
    """Something a reader of the history should know."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the ledger.

    Attributes:
        sequence: Ascending over the whole store; the resume cursor of every reader.
        experiment: The experiment's id.
        kind: What it says.
        step: Which step or phase it is about, e.g. `deploy:candidate@local`.
        data: Facts, JSON-compatible, never a secret.
        at: When it was written, UTC.
    """

    sequence: int
    experiment: str
    kind: EventKind
    step: str
    data: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True)
class Driver:
    """The process that drives an experiment; pid and start time together identify it.

    Attributes:
        machine: Boot id of the machine it runs on.
        pid: Its process id there.
        started: Its start time, clock ticks since boot.
    """

    machine: str
    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """One experiment as the store keeps it.

    Attributes:
        id: `exp-` and eight letters or digits.
        name: The name its author gave; several runs may share it, the newest answers to it.
        document: The whole experiment document, JSON-compatible, files inlined.
        phase: Where it stands.
        outcome: What became of the candidate so far.
        result: The comparison as a document (`phoenix.domain.decision.comparison.as_document`); None before the first one.
        error: Why it failed or was stopped; "" otherwise.
        driver: Who drives it; None when nobody does.
        heartbeat_at: When the driver last said that it lives, UTC.
        stop_requested: The reason of a stop request; None where nobody asked.
        created_at: UTC.
        started_at: UTC; None before the first step.
        finished_at: UTC; None while it is not over.
    """

    id: str
    name: str
    document: Mapping[str, object]
    phase: Phase
    outcome: Outcome
    created_at: datetime
    result: Mapping[str, object] | None = None
    error: str = ""
    driver: Driver | None = None
    heartbeat_at: datetime | None = None
    stop_requested: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    findings: tuple[Mapping[str, object], ...] = field(default=())
