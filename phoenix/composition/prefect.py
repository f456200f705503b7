"""The Prefect server that there is now, and what talks to it: servers start and end beside us."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from phoenix.adapters.ports import FlowRuns
    from phoenix.adapters.prefect.deployed_flows import DeployedFlowRunner
    from phoenix.adapters.stores import ExperimentStore
    from phoenix.settings import Settings


class PrefectServers:
    """Asked anew each time.

    Args:
        settings: Where things are kept.
        store: The ledger of experiments.
    """

    def __init__(self, settings: Settings, store: Callable[[], ExperimentStore]) -> None:
        self._settings = settings
        self._store = store

    def workers(self, url: str) -> DeployedFlowRunner:
        """Who hands flows to the workers of that server."""
        from phoenix.adapters.prefect.api import PrefectApi
        from phoenix.adapters.prefect.deployed_flows import DOOR_PATIENCE_SECONDS, DeployedFlowRunner
        from phoenix.adapters.prefect.names import store_tag
        from phoenix.domain.phases import Phase

        def is_over(experiment: str) -> bool:
            record = self._store().get(experiment)
            never_begins = record.phase is Phase.PENDING and record.stop_requested is not None
            return record.driver is None and (record.phase.is_over or never_begins)

        return DeployedFlowRunner(
            PrefectApi(url, self.environ(url), DOOR_PATIENCE_SECONDS),
            url.rstrip("/").removesuffix("/api"),
            store_tag(self._settings.store_url()),
            hand_over=lambda experiment: self._store().drive(experiment, None),
            is_over=is_over,
        )

    def url(self) -> str | None:
        """The server that the environment names, else that of a control plane that runs on this state folder."""
        from phoenix.adapters.control_plane.state import running_api_url

        return os.environ.get("PREFECT_API_URL") or running_api_url(self._settings.home)

    def environ(self, url: str) -> Mapping[str, str]:
        """What a server is told of us: the keys of another server are not for the one that we started ourselves."""
        from phoenix.adapters.control_plane.state import running
        from phoenix.adapters.prefect.server import of_own_server

        ours = running(self._settings.home)
        is_ours = ours is not None and ours.owns_server and ours.api_url == url
        return of_own_server(os.environ) if is_ours else os.environ

    def flow_runs(self) -> FlowRuns | None:
        """Of the server that is there now: a control plane starts and ends beside us."""
        url = self.url()
        if url is None:
            return None
        from phoenix.adapters.prefect.api import PrefectApi
        from phoenix.adapters.prefect.flow_runs import ServerFlowRuns

        return ServerFlowRuns(PrefectApi(url, self.environ(url)))
