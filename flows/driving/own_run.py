"""The flow run that this process carries out, as the server has it."""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.settings import PREFECT_SERVER_UI_ENABLED
from prefect.utilities.urls import url_for

from phoenix.adapters.prefect.labels import labels_of
from phoenix.domain.record import Driver


class OwnFlowRun:
    """A flow run, seen from its own body.

    Attributes:
        id: Its id.
    """

    def __init__(self, run_id: str) -> None:
        self.id = run_id

    @property
    def url(self) -> str | None:
        """Where a person looks at it; None on a server without a UI, as one that lives as long as its run is."""
        return url_for("flow-run", self.id) if PREFECT_SERVER_UI_ENABLED.value() else None

    def tell_driver(self, driver: Driver, experiment: str | None) -> None:
        """Label it with the process that drives it, so that recovery can see whether that lives."""
        with get_client(sync_client=True) as client:
            client.update_flow_run_labels(UUID(self.id), {**labels_of(driver, experiment)})

    def state(self) -> State | None:
        """Its state by the server."""
        with get_client(sync_client=True) as client:
            return client.read_flow_run(UUID(self.id)).state

    def is_cancelled(self) -> bool:
        """Whether somebody cancelled it, or wants to."""
        state = self.state()
        return state is not None and (state.is_cancelling() or state.is_cancelled())

    def end(self, state: State) -> None:
        """Set its final state, whatever the server's rules say about the way there."""
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(self.id), state, force=True)


def own_flow_run() -> OwnFlowRun | None:
    """The flow run whose body this is; None outside of one."""
    return OwnFlowRun(flow_run.id) if flow_run.id else None
