"""A flow run as a Prefect server has it, from the moment that somebody took it until it is over."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from phoenix.domain.record import Driver

TURN = "turn"
"""The ledger's note of the turn that a run took on its hosts: what recovery gives back where the run died."""


class FlowState(StrEnum):
    """The states of a flow run that somebody took and that is not over, by Prefect's names."""

    PENDING = "PENDING"
    """A worker took it, or a process is about to run it."""
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"


class FlowEnd(StrEnum):
    """How a flow run whose process is gone can end; never as completed, for nobody saw that."""

    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"
    """What Prefect lets follow upon CANCELLING, and nothing else."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One flow run of ours.

    Attributes:
        id: Prefect's.
        name: What people see.
        flow: The flow's name: `experiment`, `recovery`, ...
        state: Where it stands.
        age: How long it has been in that state, by the server's clock alone.
        driver: The process that drives it, by its labels; None where they do not say.
        experiment: The experiment that it is about, id or name; None where neither labels nor parameters say.
        worker: Name of the worker that took it; None where none did, or it did not say so yet.
    """

    id: str
    name: str
    flow: str
    state: FlowState
    age: timedelta
    driver: Driver | None = None
    experiment: str | None = None
    worker: str | None = None
