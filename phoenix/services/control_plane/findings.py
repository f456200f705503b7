"""What a check of the configuration finds."""

from dataclasses import dataclass
from enum import StrEnum


class CheckOutcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """It would work, perhaps not as intended."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        what: What was looked at.
        outcome: How it ended.
        why: What was found; never a secret.
        fix: What to do; "" where nothing.
    """

    what: str
    outcome: CheckOutcome
    why: str
    fix: str = ""


def ok(what: str, why: str) -> Check:
    """All is well."""
    return Check(what, CheckOutcome.OK, why)


def warning(what: str, why: str, fix: str) -> Check:
    """Something that a person should know."""
    return Check(what, CheckOutcome.WARNING, why, fix)


def failed(what: str, why: str, fix: str) -> Check:
    """Something that does not work."""
    return Check(what, CheckOutcome.FAILED, why, fix)
