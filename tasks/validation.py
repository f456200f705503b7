"""Validate both configurations."""

from phoenix.services.run import validating
from phoenix.services.run.context import Run
from tasks.artifacts import publish_plan
from tasks.step import step


@step("validate-configurations")
def validate_configurations(run: Run) -> None:
    publish_plan(run, validating.validate(run))
