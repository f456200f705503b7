"""Compare the two variants statistically, for the record."""

from phoenix.domain.decision.comparison import Comparison
from phoenix.services.run import judging
from phoenix.services.run.context import Run
from tasks.artifacts import publish_comparison
from tasks.step import step


@step("compare-statistically")
def compare_statistically(run: Run) -> Comparison:
    comparison = judging.conclude(run)
    publish_comparison(run)
    return comparison
