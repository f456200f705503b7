"""The phases of an experiment and the ways it can end, listed once, each with what it means."""

from enum import StrEnum
from typing import Self


class Phase(StrEnum):
    """Where an experiment stands, in the order of a run; the last three are endings.

    Attributes:
        verb: What is being done, in a word or two.
        meaning: What that is, for people who ask.
    """

    verb: str
    meaning: str

    def __new__(cls, value: str, verb: str, meaning: str) -> Self:
        phase = str.__new__(cls, value)
        phase._value_, phase.verb, phase.meaning = value, verb, meaning
        return phase

    PENDING = "pending", "wait", "recorded; its flow is starting, nothing runs on a host yet"
    VALIDATING = (
        "validating",
        "validate",
        "both configurations are checked by rules and by the collector itself",
    )
    DEPLOYING = "deploying", "deploy", "the baseline and the candidate collectors are being started"
    STARTING_LOAD = "starting_load", "load", "the simulated processes are being started"
    WARMING_UP = (
        "warming_up",
        "warm up",
        "scrapes are taken and thrown away: caches fill, the load settles",
    )
    MEASURING = "measuring", "measure", "scrapes count; the comparison is made anew at each of them"
    COMPARING = "comparing", "compare", "the verdict is computed from the recorded scrapes"
    AWAITING_APPROVAL = (
        "awaiting_approval",
        "approval",
        "a person is asked whether to promote; both variants run on and the guardrails are watched",
    )
    PROMOTING = "promoting", "promote", "the candidate takes the place of the active pipeline"
    WATCHING = "watching", "watch", "the promoted pipeline is held against the guardrails"
    ROLLING_BACK = (
        "rolling_back",
        "roll back",
        "what served before the promotion takes its place again on every host",
    )
    CLEANING_UP = (
        "cleaning_up",
        "clean up",
        "collectors, load and files are being removed, and that is checked",
    )
    COMPLETED = "completed", "done", "over, with a verdict"
    STOPPED = "stopped", "stopped", "ended by a person or a signal; the host is as it was"
    FAILED = "failed", "failed", "something broke; the error says what"

    @property
    def is_over(self) -> bool:
        return self in (Phase.COMPLETED, Phase.STOPPED, Phase.FAILED)


class Outcome(StrEnum):
    """What became of the candidate.

    Attributes:
        meaning: For people who ask.
    """

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        outcome = str.__new__(cls, value)
        outcome._value_, outcome.meaning = value, meaning
        return outcome

    PROMOTED = "promoted", "promoted: the candidate is the active pipeline, and its watch held"
    ROLLED_BACK = "rolled_back", "rolled back: the candidate is gone, the active pipeline was never touched"
    REPORTED = "reported", "reported: judged only, nothing was changed"
    REVERTED = (
        "reverted",
        "reverted: it was promoted, then taken back for a breach or by a person; the previous pipeline is back",
    )
    DECLINED = "declined", "declined: a person refused the promotion, or nobody answered in time"
    STOPPED = "stopped", "stopped before a verdict"
    NONE = "none", "nothing was changed"


class OnPromote(StrEnum):
    """What a PROMOTE verdict sets off."""

    AUTO = "auto"
    """Promote at once, then watch."""
    APPROVE = "approve"
    """Ask a person, and wait as long as `approval` says: `phoenix experiment promote NAME`, or `stop NAME`."""
    REPORT = "report"
    """Judge, do not act."""


class Decision(StrEnum):
    """What a person, or the time limit, answers to the question whether to promote."""

    PROMOTE = "promote"
    """Promote, then watch."""
    DECLINE = "decline"
    """Leave production as it is."""


class OnHostFailure(StrEnum):
    """What a host that fails before anything is measured does to the run."""

    STOP = "stop"
    """The run fails, and every host is cleaned up."""
    SKIP = "skip"
    """It is left out, and the run goes on with the others while enough are left."""
