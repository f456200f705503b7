"""What the command line's exit codes mean; scripts build on them."""

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """How a command ended.

    Attributes:
        meaning: For people who ask.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        code = int.__new__(cls, value)
        code._value_, code.meaning = value, meaning
        return code

    DONE = 0, "done; for an experiment: PROMOTE"
    UNEXPECTED = 1, "a defect of Phoenix"
    INVALID = 2, "invalid input or usage"
    NOT_POSSIBLE = 3, "not possible in the present state"
    OUTSIDE_FAILED = 4, "something outside failed"
    ROLL_BACK = 10, "the verdict was ROLL_BACK, or a promotion was reverted"
    INCONCLUSIVE = 11, "the experiment could not tell"
    STOPPED = 12, "stopped, declined or interrupted"


BY_ACTOR = {
    "author": ExitCode.INVALID,
    "operator": ExitCode.NOT_POSSIBLE,
    "outside": ExitCode.OUTSIDE_FAILED,
    "developer": ExitCode.UNEXPECTED,
}
"""The exit code of an error, by who can act on it (`PhoenixError.actor`)."""
