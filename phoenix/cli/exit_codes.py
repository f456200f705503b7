"""What the command line's exit codes mean; scripts build on them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    """Done; for an experiment: PROMOTE."""
    UNEXPECTED = 1
    """A defect of Phoenix."""
    INVALID = 2
    """Invalid input or usage."""
    NOT_POSSIBLE = 3
    """Not possible in the present state."""
    OUTSIDE_FAILED = 4
    """Something outside failed."""
    ROLL_BACK = 10
    """The verdict was ROLL_BACK, or a promotion was reverted."""
    INCONCLUSIVE = 11
    """The experiment could not tell."""
    STOPPED = 12
    """Stopped, declined or interrupted."""


BY_ACTOR = {
    "author": ExitCode.INVALID,
    "operator": ExitCode.NOT_POSSIBLE,
    "outside": ExitCode.OUTSIDE_FAILED,
    "developer": ExitCode.UNEXPECTED,
}
"""The exit code of an error, by who can act on it (`PhoenixError.actor`)."""
