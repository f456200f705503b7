"""The nightly question whether promoted pipelines would still be promoted: each against its baseline, anew.

One after the other, each as a run of the flow `experiment` below this one. Paused by default: real load is put on
production hosts. Production itself is never touched, for the runs only report. Who stops one of them, or cancels this
flow, ends all of it; a host that is in use is not waited for.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.driver import drive, driven_alone
from flows.driving.signals import watch_signals
from flows.experiment import recorded_experiment
from tasks.revalidation import Tour, find_promoted

Names = Annotated[
    tuple[str, ...],
    Field(
        description="Names or ids of promoted experiments to run again; all whose candidate still serves when empty."
    ),
]
Minutes = Annotated[
    int | None,
    Field(ge=1, description="No experiment is begun after so many minutes; without a limit when left out."),
]


@flow(name="revalidation", persist_result=False)
def revalidation(experiments: Names = (), begin_within_minutes: Minutes = None) -> State[None]:
    """Run each promoted experiment anew, one after the other; judges and reports, touches no production.

    Args:
        experiments: Which ones.
        begin_within_minutes: When to begin no more of them.
    """
    limit = timedelta(minutes=begin_within_minutes) if begin_within_minutes else timedelta.max
    began = datetime.now(UTC)
    tour = Tour()
    with driven_alone(tour.halt):
        for promoted in find_promoted(experiments):
            if tour.is_halted:
                break
            if run := tour.begin(promoted, is_late=datetime.now(UTC) - began > limit):
                recorded_experiment(run, return_state=True)
                watch_signals(tour.halt)  # the run's own heeded them, and it is over
                tour.end(promoted)
        return tour.ending()


if __name__ == "__main__":
    drive(revalidation)
