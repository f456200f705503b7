"""The rollback of a promotion that held, which a person asked for: restore every host, clean up."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.driver import drive, driven
from phoenix.composition import compose
from phoenix.domain.phases import Phase
from phoenix.services.run.ending import ended
from tasks.cleanup import clean_up
from tasks.promotion import roll_back
from tasks.turns import await_turn, turns_on_hosts


@flow(name="rollback", flow_run_name="rollback-{experiment}", persist_result=False)
def rollback(experiment: str, reason: str = "asked for in Prefect") -> State | None:
    """Take the promotion of an experiment back: on every host, what served before it serves again.

    Args:
        experiment: Its name or id; a name means its newest experiment.
        reason: Why; kept in the history.
    """
    run = compose().experiments.open_rollback(experiment, reason)
    with driven(run) as driving, turns_on_hosts() as turns, ended(run, clean_up):
        await_turn(run, Phase.ROLLING_BACK, turns)
        roll_back(run)
    return driving.state()


if __name__ == "__main__":
    drive(rollback)
