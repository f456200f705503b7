"""The phases of an experiment and the ways it can end, listed once, each with what it means."""

from enum import StrEnum


class Phase(StrEnum):
    """Where an experiment stands. The order is the order of a run; the last three are endings."""

    PENDING = "pending"
    """Recorded; nothing has been started."""
    VALIDATING = "validating"
    """Both configurations are rendered and checked by rules and by the collector itself."""
    DEPLOYING = "deploying"
    """The lease is taken; the baseline and the candidate collectors are being started."""
    STARTING_LOAD = "starting_load"
    """The simulated processes are being started."""
    WARMING_UP = "warming_up"
    """Scrapes are taken and thrown away: caches fill, the load settles."""
    MEASURING = "measuring"
    """Scrapes count; the comparison is made anew at each of them."""
    COMPARING = "comparing"
    """The verdict is computed from the recorded scrapes, once more and for the record."""
    PROMOTING = "promoting"
    """The candidate's configuration is started beside the active pipeline and takes its place."""
    WATCHING = "watching"
    """The promoted pipeline is held against the guardrails; a breach reverts it."""
    CLEANING_UP = "cleaning_up"
    """Collectors, load, files and lease of the experiment are being removed and the removal is checked."""
    COMPLETED = "completed"
    """Over, with a verdict."""
    STOPPED = "stopped"
    """Over because a person or a signal ended it; the host is as it was."""
    FAILED = "failed"
    """Over without a verdict because something broke; the host is as it was, the error says what broke."""

    @property
    def is_over(self) -> bool:
        return self in (Phase.COMPLETED, Phase.STOPPED, Phase.FAILED)


class Outcome(StrEnum):
    """What became of the candidate."""

    PROMOTED = "promoted"
    """It is the active pipeline now and its watch held."""
    ROLLED_BACK = "rolled_back"
    """The verdict was ROLL_BACK: the candidate is gone, the active pipeline was never touched."""
    REPORTED = "reported"
    """Judged only, as asked; a person may still promote a PROMOTE verdict."""
    REVERTED = "reverted"
    """It was promoted, a guardrail was breached in the watch, and the previous pipeline is active again."""
    DECLINED = "declined"
    """A person refused the promotion."""
    STOPPED = "stopped"
    """The experiment was ended before its verdict."""
    NONE = "none"
    """Nothing was decided: no verdict, or an inconclusive one."""


class OnPromote(StrEnum):
    """What a PROMOTE verdict sets off."""

    AUTO = "auto"
    """Promote at once, then watch."""
    APPROVE = "approve"
    """Wait for a person: `phoenix experiment promote NAME`."""
    REPORT = "report"
    """Judge, do not act."""
