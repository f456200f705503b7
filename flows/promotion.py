"""The promotion that a person asked for after an experiment reported PROMOTE: hand over, watch, clean up."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.driver import drive, driven
from phoenix.composition import compose
from phoenix.domain.phases import Phase
from phoenix.services.run.ending import ended
from tasks.cleanup import clean_up
from tasks.deployment import take_hosts
from tasks.promotion import promote
from tasks.turns import await_turn, turns_on_hosts


@flow(name="promotion", flow_run_name="promote-{experiment}", persist_result=False)
def promotion(experiment: str, reason: str = "asked for in Prefect") -> State | None:
    """Promote the candidate of an experiment whose verdict was PROMOTE, and that was only reported.

    Args:
        experiment: Its name or id; a name means its newest experiment.
        reason: Why; kept in the history.
    """
    run = compose().experiments.open_promotion(experiment, reason)
    with driven(run) as driving, turns_on_hosts() as turns, ended(run, clean_up):
        await_turn(run, Phase.PROMOTING, turns)
        take_hosts(run, Phase.PROMOTING)
        promote(run)
    return driving.state()


if __name__ == "__main__":
    drive(promotion)
