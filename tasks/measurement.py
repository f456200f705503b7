"""Collect metrics until the comparison decides."""

from phoenix.services.run import measuring
from phoenix.services.run.context import Run
from tasks.artifacts import ProgressArtifact
from tasks.step import step


@step("collect-metrics")
def collect_metrics(run: Run) -> None:
    measuring.collect(run, ProgressArtifact(run).show)
