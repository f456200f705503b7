"""How the flow run ends: as the run did, in a state that the server accepts.

| the run                                     | the flow run                                     |
|---------------------------------------------|--------------------------------------------------|
| came to its end                             | Completed                                        |
| was stopped, by whomever                    | Cancelled, with who asked                        |
| failed                                      | Failed, with the fault                           |
| came to its end while it was being cancelled| Cancelled, saying that it was over already       |
| failed while it was being cancelled         | Failed                                           |

A run that was stopped is clean and its record says so: it did not crash. Crashed is left to runs that could not say
how they ended. The last two rows are there because the server refuses every way out of Cancelling but one, and says so
to nobody: a run would be Cancelling for ever.
"""

import logging
import time

from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled

from flows.driving.own_run import OwnFlowRun
from flows.driving.parent import has_worker
from phoenix.services.run.context import Run
from tasks.publishing import attempt

SERVER_PATIENCE_SECONDS = 120.0
"""A server that is started anew answers in half a minute; Prefect's own patience with a refused connection is one."""

_PAUSE_SECONDS = 2.0


def cancelled_state(run: Run, shown: OwnFlowRun | None) -> State | None:
    """Cancelled where the run was stopped or is being cancelled; None where it ends as any other flow."""
    if run.stopped is not None:
        words = run.stopped.message
    elif shown is not None and _is_cancelled(run, shown):
        words = "Cancelled in Prefect when the experiment had come to its end."
    else:
        return None
    logging.getLogger("prefect.flow_runs").addFilter(_is_news)
    return Cancelled(message=words)


def _is_news(record: logging.LogRecord) -> bool:
    """Prefect's engine logs a Cancelled that a flow returns as an unexpected exception, with its stack."""
    return not (record.exc_info and isinstance(record.exc_info[1], CancelledRun))


def make_way_for_failure(run: Run, shown: OwnFlowRun | None) -> None:
    """Take a run that fails out of Cancelling, so that it can become Failed."""
    if shown is not None and attempt(run, "looking at the own state", shown.is_cancelled):
        state = Cancelled(message="Cancelled in Prefect while it failed.")
        attempt(run, "ending the flow run", lambda: shown.end(state))


def _is_cancelled(run: Run, shown: OwnFlowRun) -> bool:
    """Also waits for a server that is away: Prefect gives a final state a minute, then takes its run for crashed.

    Only where nobody waits for us, as a command that a person typed does.
    """
    deadline = time.monotonic() + (SERVER_PATIENCE_SECONDS if has_worker() else 0)
    while True:
        try:
            return shown.is_cancelled()
        except Exception:  # noqa: BLE001 - whatever the client raises, the run is over
            if time.monotonic() >= deadline or run.halted.is_set():
                return False
        time.sleep(_PAUSE_SECONDS)
