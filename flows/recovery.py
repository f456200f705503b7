"""Recovery on a schedule: what `phoenix recover` does, every 30 s."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.driver import drive, driven_alone
from tasks.recovery import recover_everything, tidy_up


@flow(name="recovery", persist_result=False)
def recovery() -> State[None]:
    """Repair what lost drivers, silent hosts and dead flow processes left. Safe at any time, twice is once."""
    with driven_alone():
        ending = recover_everything()
        tidy_up(flow_run.scheduled_start_time)
    return ending


if __name__ == "__main__":
    drive(recovery)
