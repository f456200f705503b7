"""A run that is cancelled in the Prefect UI ends as any other stop: a direct run is not told in another way."""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from phoenix.services.run.context import Run
from tasks.publishing import attempt


def is_cancelled(run: Run) -> bool:
    """Whether somebody cancelled this flow run; no answer is no cancellation, for the ledger has a stop of its own."""
    if flow_run.id is None:
        return False
    run_id = UUID(flow_run.id)

    def ask() -> bool:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run_id).state
        return state is not None and (state.is_cancelling() or state.is_cancelled())

    return bool(attempt(run, "asking whether the run was cancelled", ask))
