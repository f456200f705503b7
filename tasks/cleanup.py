"""Remove everything the experiment started, and check that it is gone."""

from phoenix.services.run import cleaning
from phoenix.services.run.context import Run
from tasks.step import step


@step("clean-up")
def clean_up(run: Run) -> None:
    cleaning.clean_up(run)
