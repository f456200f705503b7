"""Take the hosts and deploy the baseline and the candidate side by side."""

from phoenix.domain.phases import Phase
from phoenix.domain.samples import Variant
from phoenix.services.run import deploying
from phoenix.services.run.context import Run
from tasks.step import step


@step("take-hosts")
def take_hosts(run: Run, purpose: Phase) -> None:
    deploying.take_hosts(run, purpose)


@step("deploy-pipeline")
def deploy_pipeline(run: Run, variant: Variant) -> None:
    deploying.deploy(run, variant)
