"""Promote the candidate, leave production as it is, or take a promotion back."""

from phoenix.domain.decision.comparison import Comparison
from phoenix.services.run import deciding, rolling_back
from phoenix.services.run.context import Run
from tasks.step import step


@step("promote-or-roll-back")
def promote_or_roll_back(run: Run, comparison: Comparison) -> None:
    deciding.act(run, comparison)


@step("promote")
def promote(run: Run) -> None:
    deciding.promote(run)


@step("roll-back")
def roll_back(run: Run) -> None:
    rolling_back.roll_back(run)
