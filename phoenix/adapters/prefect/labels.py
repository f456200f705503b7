"""The labels by which a flow run tells who drives it: written when it starts, read by recovery."""

import json
from collections.abc import Mapping
from contextlib import suppress

from phoenix.domain.record import Driver

DRIVER = "phoenix.driver"
"""Of the process that drives the flow run, as JSON: machine, pid, start time."""

EXPERIMENT = "phoenix.experiment"
"""Id of the experiment that it is about; left out where there is none."""


def labels_of(driver: Driver, experiment: str | None = None) -> dict[str, str]:
    """What a flow run is labelled with when its body begins.

    Args:
        driver: The process that runs the flow.
        experiment: Id of the experiment that it drives; None for flows without one.
    """
    told = {"machine": driver.machine, "pid": driver.pid, "started": driver.started}
    labels = {DRIVER: json.dumps(told, sort_keys=True)}
    return labels | ({EXPERIMENT: experiment} if experiment else {})


def driver_in(labels: Mapping[str, object] | None) -> Driver | None:
    """Who drives a flow run; None where its labels do not say, or not in a form that we know."""
    with suppress(ValueError, KeyError, TypeError):
        told = json.loads(str((labels or {})[DRIVER]))
        return Driver(str(told["machine"]), int(told["pid"]), int(told["started"]))
    return None


def experiment_in(labels: Mapping[str, object] | None) -> str | None:
    """Id of the experiment that a flow run is about; None where its labels do not say."""
    found = (labels or {}).get(EXPERIMENT)
    return str(found) if found else None
