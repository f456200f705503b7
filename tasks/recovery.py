"""Recovery, told in the log of a flow run."""

import logging
from datetime import datetime

from prefect.client.schemas.objects import State
from prefect.states import Completed

from phoenix.adapters.alone import alone
from phoenix.composition import compose
from phoenix.services.recoveries import Recovered
from tasks.publishing import attempt_once

LOG = logging.getLogger("phoenix.recovery")

INCOMPLETE = "Incomplete"
REPAIRED = "Repaired"

LOCK = "recovery.lock"

_MINUTES = 10
_SECONDS = 30


def recover_everything() -> State[None]:
    """Recover once, unless the run before is still at work on this machine.

    Returns:
        How the flow run ends: `Completed` where nothing was to do, `Repaired` where something is now other than it was
        found, `Incomplete` where something has to be tried again, as a host that does not answer.
    """
    phoenix = compose()
    with alone(phoenix.settings.home / LOCK) as is_ours:
        if not is_ours:
            return Completed(message="left to the recovery that is still at work")
        # The next run comes soon: none waits for a driver that is about to stop, and holds up what is dead behind it.
        return _ending(phoenix.recoveries.recover(wait_for_stopping=False))


def _ending(recovered: Recovered) -> State[None]:
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
        gone = attempt_once("tidying up", compose().recoveries.tidy)
        LOG.debug("%s finished flow runs of the schedules were deleted", gone)


def _told(recovered: Recovered) -> list[str]:
    """What was done or tried; what was left alone is not told every 30 s."""
    lines = [
        *(f"experiment {one.name}: {one.words}" for one in recovered.experiments if one.ended or one.failed),
        *(f"{one.name} on {one.host}: {one.words}" for one in recovered.hosts if one.ended or one.failed),
        *(f"load {one.name}: {one.words}" for one in recovered.loads if one.ended or one.failed),
        *(f"flow run {one.name}: {one.words}" for one in recovered.flow_runs if one.ended or one.failed),
    ]
    return [*lines, recovered.unseen] if recovered.unseen else lines
