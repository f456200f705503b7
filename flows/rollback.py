"""The rollback of a promotion that held, which a person asked for: restore every host, clean up."""

from prefect import flow

from flows.driver import drive, driven
from phoenix.composition import compose
from phoenix.services.run.ending import ended
from tasks.cleanup import clean_up
from tasks.promotion import roll_back


@flow(name="rollback", flow_run_name="rollback-{experiment}", persist_result=False)
def rollback(experiment: str) -> None:
    """Take the promotion of an experiment back.

    Args:
        experiment: Its id.
    """
    run = compose().experiments.open_run(experiment)
    with driven(run), ended(run, clean_up):
        roll_back(run)


if __name__ == "__main__":
    drive(rollback)
