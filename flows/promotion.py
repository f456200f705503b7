"""The promotion that a person asked for after an experiment reported PROMOTE: hand over, watch, clean up."""

from prefect import flow

from flows.driver import drive, driven
from phoenix.composition import compose
from phoenix.domain.phases import Phase
from phoenix.services.run.ending import ended
from tasks.cleanup import clean_up
from tasks.deployment import take_hosts
from tasks.promotion import promote


@flow(name="promotion", flow_run_name="promote-{experiment}", persist_result=False)
def promotion(experiment: str) -> None:
    """Promote the candidate of an experiment whose verdict was PROMOTE.

    Args:
        experiment: Its id.
    """
    run = compose().experiments.open_run(experiment)
    with driven(run), ended(run, clean_up):
        take_hosts(run, Phase.PROMOTING)
        promote(run)


if __name__ == "__main__":
    drive(promotion)
