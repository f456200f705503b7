"""All recoveries as one verb: what `phoenix recover`, the recovery flow and `phoenix up` do.

Flow runs come first, for that takes a moment while a clean-up may take a minute. Whatever one recovery cannot reach,
the others go on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phoenix.adapters.stores import ExperimentStore, LoadRunStore
from phoenix.domain.errors import DependencyError

if TYPE_CHECKING:  # what they import takes half a second of CPU, which most recoveries need not pay
    from phoenix.services.deployments.host_recovery import HostRepair
    from phoenix.services.deployments.recovery import DeploymentRecovery
    from phoenix.services.flow_runs import FlowRunRecovery, FlowRunRepair
    from phoenix.services.loads.recovery import LoadRecovery, LoadRepair
    from phoenix.services.recovery import Recovery, Repair


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was repaired, and what was left alone and why.

    Attributes:
        experiments: One entry for each that is not over.
        hosts: What was done about deployments, by host.
        loads: One entry for each load run that is not over.
        flow_runs: One entry for each flow run whose process is gone.
        unseen: Why flow runs could not be looked at; "" where they were, or where there is no server.
    """

    experiments: "tuple[Repair, ...]" = ()
    hosts: "tuple[HostRepair, ...]" = ()
    loads: "tuple[LoadRepair, ...]" = ()
    flow_runs: "tuple[FlowRunRepair, ...]" = ()
    unseen: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether something was tried and did not succeed."""
        return any(one.failed for one in (*self.experiments, *self.hosts, *self.loads, *self.flow_runs))

    @property
    def has_repaired(self) -> bool:
        """Whether anything is now other than it was found."""
        return any(one.ended for one in (*self.experiments, *self.hosts, *self.loads, *self.flow_runs))


class Recoveries:
    """Recovers everything of this installation.

    Args:
        experiments: The ledger of experiments.
        loads: The ledger of load runs.
        of_experiments: Made only where one is not over; so are the others, each where there is something to look at.
        of_deployments: See `of_experiments`.
        of_loads: See `of_experiments`.
        of_flow_runs: See `of_experiments`.
    """

    def __init__(
        self,
        experiments: ExperimentStore,
        loads: LoadRunStore,
        of_experiments: "Callable[[], Recovery]",
        of_deployments: "Callable[[], DeploymentRecovery]",
        of_loads: "Callable[[], LoadRecovery]",
        of_flow_runs: "Callable[[], FlowRunRecovery]",
    ) -> None:
        self._experiments = experiments
        self._loads = loads
        self._of_experiments = of_experiments
        self._of_deployments = of_deployments
        self._of_loads = of_loads
        self._of_flow_runs = of_flow_runs

    def recover(self, *, wait_for_stopping: bool = True) -> Recovered:
        """Repair what lost drivers, silent hosts and dead flow processes left, everywhere. Twice is once.

        Args:
            wait_for_stopping: Give a driver that was asked to stop the time to do so; without it, it is left alone.
        """
        flow_runs, unseen = self._flow_runs()
        return Recovered(
            self._of_experiments().recover(wait_for_stopping=wait_for_stopping)
            if self._experiments.unfinished()
            else (),
            self._of_deployments().recover(),
            self._of_loads().recover() if self._loads.unfinished() else (),
            flow_runs,
            unseen,
        )

    def tidy(self) -> int:
        """Take away what the schedules' finished flow runs leave on the server; how many were."""
        return self._of_flow_runs().tidy()

    def _flow_runs(self) -> "tuple[tuple[FlowRunRepair, ...], str]":
        try:
            return self._of_flow_runs().recover(), ""
        except DependencyError as silence:
            return (), f"flow runs were not looked at: {silence.message}"
