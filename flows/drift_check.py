"""The hourly look at every deployed pipeline: does its host run what the ledger says?

A host that differs does not fail the flow run: the check did its work, and Failed is left to a check that could not.
The run ends as `Drifted` instead, a state of the type Completed with the hosts in its message. So a person sees it by
name and can filter for it, an automation can be set on the state's name or, by host, on the event
`phoenix.deployment.drift`, and one on failed runs keeps meaning that something of Phoenix's own is broken.
"""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.driver import drive, driven_alone
from tasks.drift import compare_hosts, tell_of_drift

Targets = Annotated[
    tuple[str, ...],
    Field(
        description="Hosts, saved names or labels to look at; every host with a deployed pipeline when empty."
    ),
]


@flow(name="drift-check", persist_result=False)
def drift_check(targets: Targets = ()) -> State[None]:
    """Hold what every host runs against the ledger; changes nothing anywhere.

    Args:
        targets: Which hosts.
    """
    with driven_alone():
        return tell_of_drift(compare_hosts(targets), is_part=bool(targets))


if __name__ == "__main__":
    drive(drift_check)
