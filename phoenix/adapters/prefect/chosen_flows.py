"""Flows where they are run best: by a worker where one of this installation's is up, else in a process of their own."""

from collections.abc import Callable
from contextlib import suppress

from phoenix.adapters.ports import FlowProcess
from phoenix.adapters.prefect.child_flows import ChildFlowRunner
from phoenix.adapters.prefect.deployed_flows import DeployedFlowRunner, UnsuitableError
from phoenix.domain.errors import DependencyError

NO_SERVER = (
    "no control plane runs here: phoenix up; "
    "a Prefect server of its own starts first, which takes up to half a minute"
)


class ChosenFlowRunner:
    """Chooses at each start, for servers and workers come and go.

    Args:
        children: Starts a flow as a process of its own.
        server: The URL of the Prefect server that there is now; None where there is none.
        workers: Hands flows to the workers of the server of this URL.
    """

    def __init__(
        self,
        children: Callable[[str | None, str], ChildFlowRunner],
        server: Callable[[], str | None],
        workers: Callable[[str], DeployedFlowRunner],
    ) -> None:
        self._children = children
        self._server = server
        self._workers = workers

    def start(self, flow: str, experiment: str, reason: str = "") -> FlowProcess:
        url = self._server()
        if url is None:
            return self._children(None, NO_SERVER).start(flow, experiment, reason)
        try:
            return self._workers(url).start(flow, experiment, reason)
        except UnsuitableError as why:
            return self._children(url, f"the Prefect server is used, but {why}").start(
                flow, experiment, reason
            )
        except DependencyError as why:
            # It may come back: a server that the user named is the flow's business.
            return self._children(None, why.message).start(flow, experiment, reason)

    def withdraw(self, experiment: str) -> None:
        if url := self._server():
            with suppress(DependencyError):
                self._workers(url).withdraw(experiment)
