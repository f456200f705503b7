"""Registers the work pool and the deployments of deployments/prefect.yaml: `python -m flows.registration`.

Doing it twice is doing it once. What a person changed about schedules in the UI stays: theirs are left alone, and ours
keep being on or off.
"""

import sys
from contextlib import suppress
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from blocks.registration import register as register_blocks
from phoenix.adapters.prefect.names import POOL, store_tag
from phoenix.adapters.yaml.documents import load_mapping
from phoenix.composition import compose
from phoenix.settings import Settings
from tasks.publishing import attempt_once


def described() -> list[dict[str, Any]]:
    """The deployments as deployments/prefect.yaml has them."""
    entries: Any = load_mapping(Path(str(files("deployments").joinpath("prefect.yaml"))))["deployments"]
    return entries


def register(client: SyncPrefectClient, store_url: str) -> tuple[str, ...]:
    """Register everything that the file describes.

    Args:
        client: Of the server.
        store_url: Of the store that the pool's workers use.

    Returns:
        The deployments, as `flow/deployment`.
    """
    _ensure_pool(client)
    tag = store_tag(store_url)
    return tuple(_register(client, entry, tag) for entry in described())


def _ensure_pool(client: SyncPrefectClient) -> None:
    pool = WorkPoolCreate(
        name=POOL,
        type=ProcessWorker.type,
        description=f"Runs Phoenix's flows. A worker: `prefect worker start --pool {POOL}`, where Phoenix is installed.",
        base_job_template=ProcessWorker.get_default_base_job_template(),
    )
    with suppress(ObjectAlreadyExists):  # as it stands: a person may have given it a limit
        client.create_work_pool(pool)


def _register(client: SyncPrefectClient, entry: dict[str, Any], tag: str) -> str:
    flow = load_flow_from_entrypoint(entry["entrypoint"], use_placeholder_flow=False)
    full_name = f"{flow.name}/{entry['name']}"
    fields = _fields(entry, flow, tag)
    schedules = [_schedule(schedule) for schedule in entry.get("schedules", ())]
    try:
        existing = client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        flow_id = client.create_flow_from_name(flow.name)
        client.create_deployment(flow_id=flow_id, name=entry["name"], schedules=schedules, **fields)
    else:
        # Not created anew: that would remove every schedule, those that people added too.
        client.update_deployment(existing.id, DeploymentUpdate(**fields))
        _bring_in_step(client, existing, schedules)
    return full_name


def _fields(entry: dict[str, Any], flow: Flow[..., Any], tag: str) -> dict[str, Any]:
    return {
        "version": entry["version"],
        "description": entry["description"],
        "tags": [*entry["tags"], tag],
        "entrypoint": entry["entrypoint"],
        "work_pool_name": entry["work_pool"]["name"],
        "job_variables": entry["work_pool"]["job_variables"],
        "enforce_parameter_schema": entry["enforce_parameter_schema"],
        "parameter_openapi_schema": parameter_schema(flow).model_dump(exclude_unset=True),
        "pull_steps": [],
    }


def _schedule(entry: dict[str, Any]) -> DeploymentScheduleCreate:
    if "cron" in entry:
        schedule = CronSchedule(cron=entry["cron"], timezone=entry["timezone"])
    else:
        schedule = IntervalSchedule(interval=timedelta(seconds=entry["interval"]))
    return DeploymentScheduleCreate(slug=entry["slug"], schedule=schedule, active=entry["active"])


def _bring_in_step(
    client: SyncPrefectClient, deployment: DeploymentResponse, wanted: list[DeploymentScheduleCreate]
) -> None:
    """Add ours where it is missing; where it is there, only whether it is on is its owner's choice."""
    there = {schedule.slug: schedule for schedule in deployment.schedules}
    for schedule in wanted:
        if (found := there.get(schedule.slug)) is None:
            client.create_deployment_schedules(deployment.id, [schedule])
        elif not _is_same(found.schedule, schedule.schedule):
            client.update_deployment_schedule(deployment.id, found.id, schedule=schedule.schedule)


def _is_same(found: object, wanted: object) -> bool:
    if isinstance(found, IntervalSchedule) and isinstance(wanted, IntervalSchedule):
        return found.interval == wanted.interval  # its anchor is the moment of its making
    return found == wanted


def main() -> None:
    """Register at the server that PREFECT_API_URL names, with this installation's store, and the types of our blocks."""
    with get_client(sync_client=True) as client:
        for name in register(client, Settings().store_url()):
            sys.stderr.write(f"registered {name}\n")
    # Before a worker starts: what the schedules planned for the time in which nobody was there would all begin at once.
    attempt_once("deleting late runs", compose().recoveries.tidy)
    for slug in register_blocks():
        sys.stderr.write(f"registered block type {slug}\n")


if __name__ == "__main__":
    main()
