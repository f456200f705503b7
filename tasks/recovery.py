"""Recovery, told in the log of a flow run."""

import logging
from datetime import datetime

from prefect.client.schemas.objects import State
from prefect.states import Completed

from phoenix.composition import compose
from phoenix.services.recoveries import Recovered

LOG = logging.getLogger("phoenix.recovery")

INCOMPLETE = "Incomplete"
REPAIRED = "Repaired"

_MINUTES = 10
_SECONDS = 30


def recover_everything() -> State[None]:
    """Recover once.

    Returns:
        How the flow run ends: `Completed` where nothing was to do, `Repaired` where something is now other than it was
        found, `Incomplete` where something has to be tried again, as a host that does not answer.
    """
    recovered = compose().recoveries.recover()
    told = _told(recovered)
    for words in told:
        LOG.warning("%s", words)
    message = "; ".join(told)
    if recovered.has_failed:
        return Completed(name=INCOMPLETE, message=message)
    if recovered.has_repaired:
        return Completed(name=REPAIRED, message=message)
    return Completed(message=message or "nothing to recover")


def tidy_up(scheduled: datetime) -> None:
    """Take old runs of the schedules off the server, in one run of twenty.

    Args:
        scheduled: When this run was to start.
    """
    if scheduled.minute % _MINUTES == 0 and scheduled.second < _SECONDS:
        LOG.debug("%d finished flow runs of the schedules were deleted", compose().recoveries.tidy())


def _told(recovered: Recovered) -> list[str]:
    """What was done or tried; what was left alone is not told every 30 s."""
    lines = [
        *(f"experiment {one.name}: {one.words}" for one in recovered.experiments if one.ended or one.failed),
        *(f"{one.name} on {one.host}: {one.words}" for one in recovered.hosts if one.ended or one.failed),
        *(f"load {one.name}: {one.words}" for one in recovered.loads if one.ended or one.failed),
        *(f"flow run {one.name}: {one.words}" for one in recovered.flow_runs if one.ended or one.failed),
    ]
    return [*lines, recovered.unseen] if recovered.unseen else lines
