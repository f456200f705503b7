"""Who is on some hosts already: experiments and load runs that are not over, and what serves or is about to."""

from collections.abc import Sequence
from typing import Any

from phoenix.adapters.stores import DeploymentStore, ExperimentStore, LoadRunStore
from phoenix.domain.trees import strings_at
from phoenix.services.deployments.documents import moment


class Overlaps:
    """Looks into the ledgers; asks no host.

    Args:
        experiments: The ledger of experiments.
        loads: The ledger of load runs.
        deployments: The ledger of deployments.
    """

    def __init__(
        self, experiments: ExperimentStore, loads: LoadRunStore, deployments: DeploymentStore
    ) -> None:
        self._experiments = experiments
        self._loads = loads
        self._deployments = deployments

    def on(self, hosts: Sequence[str]) -> dict[str, Any]:
        """Everything that is on one of these hosts.

        Args:
            hosts: Canonical targets.

        Returns:
            `hosts` as they were given; `experiments`, `loads` and `deployments`, each with those of the hosts that it
            is on; `isFree`, whether there is none of either.
        """
        experiments = self._of_experiments(hosts)
        loads = self._of_loads(hosts)
        deployments = self._of_deployments(hosts)
        return {
            "hosts": list(hosts),
            "isFree": not (experiments or loads or deployments),
            "experiments": experiments,
            "loads": loads,
            "deployments": deployments,
        }

    def _of_experiments(self, hosts: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {"id": record.id, "name": record.name, "phase": record.phase.value, "hosts": shared}
            for record in self._experiments.unfinished()
            if (shared := _shared(hosts, strings_at(record.document, "document", "spec", "targets")))
        ]

    def _of_loads(self, hosts: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {"id": run.id, "name": run.name, "state": run.state.value, "hosts": shared}
            for run in self._loads.unfinished()
            if (shared := _shared(hosts, run.targets))
        ]

    def _of_deployments(self, hosts: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "pipeline": one.pipeline,
                "version": one.version,
                "revision": one.number,
                "state": one.state.value,
                "since": moment(one.activated_at),
                "hosts": [one.host],
            }
            for one in (*self._deployments.active(), *self._deployments.pending())
            if one.host in hosts
        ]


def _shared(hosts: Sequence[str], others: Sequence[str]) -> list[str]:
    return [host for host in hosts if host in others]
