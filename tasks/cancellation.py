"""A run that is cancelled in the Prefect UI ends as any other stop: a direct run is not told in another way."""

import logging

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

LOG = logging.getLogger(__name__)


def is_cancelled() -> bool:
    """Whether somebody cancelled this flow run; no answer is no cancellation, for the ledger has a stop of its own."""
    if flow_run.id is None:
        return False
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(flow_run.id).state  # type: ignore[arg-type]
    except Exception:
        LOG.warning("The Prefect server did not say whether this run was cancelled.", exc_info=True)
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
