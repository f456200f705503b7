"""What recovery did, as rows, the same for every door."""

from typing import TYPE_CHECKING, Any

from phoenix.services.recoveries import Recovered

if TYPE_CHECKING:  # what they import takes half a second of CPU, which most recoveries need not pay
    from phoenix.services.deployments.host_recovery import HostRepair
    from phoenix.services.flow_runs import FlowRunRepair
    from phoenix.services.loads.recovery import LoadRepair
    from phoenix.services.recovery import Repair


def repair_rows(recovered: Recovered) -> list[dict[str, Any]]:
    """One row for each thing that was looked at; which keys it has says what that is."""
    return [
        *map(_flow_run_row, recovered.flow_runs),
        *map(_experiment_row, recovered.experiments),
        *map(_host_row, recovered.hosts),
        *map(_load_row, recovered.loads),
    ]


def _experiment_row(repair: "Repair") -> dict[str, Any]:
    return {
        "name": repair.name,
        "experiment": repair.experiment,
        "found": repair.phase.value,
        "ended": repair.ended.value if repair.ended else None,
        "what": repair.words,
    }


def _flow_run_row(repair: "FlowRunRepair") -> dict[str, Any]:
    return {
        "name": repair.name,
        "flow_run": repair.flow_run,
        "found": repair.found.value.lower(),
        "ended": repair.ended.value.lower() if repair.ended else None,
        "what": repair.words,
    }


def _load_row(repair: "LoadRepair") -> dict[str, Any]:
    return {
        "name": repair.name,
        "load": repair.load,
        "found": repair.found.value,
        "ended": "ended" if repair.ended else None,
        "what": repair.words,
    }


def _host_row(repair: "HostRepair") -> dict[str, Any]:
    return {
        "name": repair.name,
        "host": repair.host,
        "revision": repair.revision,
        "ended": repair.ended.value if repair.ended else None,
        "what": repair.words,
    }
