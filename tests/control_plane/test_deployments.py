"""The deployments: one file, registered from Python and by Prefect's own command, and what runs from them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient

from phoenix.adapters.prefect.names import POOL, is_store_tag, store_tag
from phoenix.composition import Phoenix
from phoenix.domain.phases import Outcome, Phase
from phoenix.settings import Settings
from tests.support.slowness import slowness
from tests.support.waiting import eventually

pytestmark = pytest.mark.real

FILE = Path(__file__).parents[2] / "deployments/prefect.yaml"
NAMES = {
    "experiment/experiment",
    "experiment/recorded",
    "promotion/promotion",
    "rollback/rollback",
    "drift-check/drift-check",
    "revalidation/revalidation",
    "recovery/recovery",
}
QUICK = {
    "baseline": {"pipeline": "process-baseline-v1"},
    "candidate": {"pipeline": "process-topk-v1"},
    "scrapeInterval": "1s",
    "warmup": 3,
    "minimumScrapes": 24,
    "maximumDuration": "1m",
    "objective": {"metric": "series", "minimumReduction": 0.1},
}


@pytest.fixture
def client(prefect_server):
    with SyncPrefectClient(prefect_server) as client:
        yield client


def run_python(*arguments: str, url: str, home: Path) -> str:
    environ = {**os.environ, "PREFECT_API_URL": url, "PHOENIX_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def registered(client: SyncPrefectClient) -> dict[str, Any]:
    flows = {flow.id: flow.name for flow in client.read_flows()}
    return {f"{flows[d.flow_id]}/{d.name}": d for d in client.read_deployments() if "phoenix" in d.tags}


def looks(deployment: Any) -> tuple[object, ...]:
    """What a person sees of it, whoever registered it; the store's tag is told by our own registration only."""
    tags = sorted(tag for tag in deployment.tags if not is_store_tag(tag))
    schedules = sorted((str(s.slug), s.active) for s in deployment.schedules)
    schema = deployment.parameter_openapi_schema
    return deployment.entrypoint, deployment.description, deployment.version, tags, schedules, schema


def test_registering_twice_is_once_and_leaves_people_s_schedules_alone(client, prefect_server, tmp_path):
    from prefect.client.schemas.schedules import IntervalSchedule

    run_python("flows.registration", url=prefect_server, home=tmp_path)
    first = registered(client)
    assert set(first) == NAMES
    assert client.read_work_pool(POOL).type == "process"
    assert all(store_tag(Settings(home=tmp_path).store_url()) in d.tags for d in first.values())
    nightly = first["revalidation/revalidation"].schedules[0]
    assert not nightly.active
    experiment = first["experiment/experiment"]
    client.update_deployment_schedule(first["revalidation/revalidation"].id, nightly.id, active=True)
    client.create_deployment_schedules(experiment.id, [(IntervalSchedule(interval=86_400), False)])
    try:
        began = monotonic()
        run_python("flows.registration", url=prefect_server, home=tmp_path)
        assert monotonic() - began < 60 * slowness()
        second = registered(client)
        assert {name: d.id for name, d in second.items()} == {name: d.id for name, d in first.items()}
        assert [s.active for s in second["revalidation/revalidation"].schedules] == [True]
        assert len(second["experiment/experiment"].schedules) == 1
    finally:
        client.update_deployment_schedule(first["revalidation/revalidation"].id, nightly.id, active=False)
        for schedule in client.read_deployment_schedules(experiment.id):
            client.delete_deployment_schedule(experiment.id, schedule.id)
    by_python = {name: looks(d) for name, d in registered(client).items()}
    arguments = ("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(FILE))
    run_python(*arguments, url=prefect_server, home=tmp_path)
    assert {name: looks(d) for name, d in registered(client).items()} == by_python


def test_each_says_what_it_is_and_has_the_version_of_the_package():
    from importlib.metadata import version

    from flows.registration import described

    for entry in described():
        assert entry["version"] == version("phoenix-telemetry")
        assert len(entry["description"]) > 60
    paused = {e["name"]: [s["active"] for s in e.get("schedules", ())] for e in described()}
    assert paused["revalidation"] == [False]
    assert paused["drift-check"] == paused["recovery"] == [True]


def test_a_schedule_starts_an_experiment_with_its_parameters(control_plane):
    from datetime import timedelta

    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import IntervalSchedule

    wanted = {"name": "by-schedule", "spec": {**QUICK, "targets": ["local://schedule"]}}
    phoenix = Phoenix(Settings(home=control_plane.home))
    with SyncPrefectClient(control_plane.api_url) as client:
        deployment = client.read_deployment_by_name("experiment/experiment")
        every = DeploymentScheduleCreate(
            schedule=IntervalSchedule(interval=timedelta(seconds=10)), parameters=wanted, slug="soon"
        )
        (schedule,) = client.create_deployment_schedules(deployment.id, [every])
        try:
            found = eventually(
                lambda: [r for r in phoenix.experiments.list() if r.name == "by-schedule"],
                seconds=240,
                what="an experiment that the schedule started",
            )
        finally:
            client.delete_deployment_schedule(deployment.id, schedule.id)
    document = found[-1].document["document"]
    assert document["spec"]["targets"] == ["local://schedule"]
    assert document["spec"]["minimumScrapes"] == 24
    for record in phoenix.experiments.list():
        if record.name == "by-schedule" and not record.phase.is_over:
            phoenix.experiments.stop(record.id, "seen enough")
    eventually(lambda: is_over(phoenix, "by-schedule"), seconds=240, what="its end")


def is_over(phoenix: Phoenix, *names: str) -> bool:
    return all(r.phase.is_over for r in phoenix.experiments.list() if r.name in names)


def test_runs_on_one_host_queue_and_runs_on_two_do_not(control_plane):
    phoenix = Phoenix(Settings(home=control_plane.home))
    start: Callable[[str, str], Any] = lambda name, host: control_plane.run_deployment(  # noqa: E731
        "experiment/experiment", {"name": name, "spec": {**QUICK, "targets": [host]}}
    )
    runs = [start("first", "local://same"), start("second", "local://same"), start("third", "local://other")]
    for run in runs:
        control_plane.await_state(run, {"Completed"}, seconds=900)
    first, second, third = (phoenix.store.get(name) for name in ("first", "second", "third"))
    assert {r.outcome for r in (first, second, third)} == {Outcome.REPORTED}

    def measured(record: Any) -> tuple[Any, Any]:
        events = phoenix.store.events(record.id)
        begun = next(e.at for e in events if e.step.startswith("lease@"))
        return begun, record.finished_at

    (first_at, first_end), (second_at, second_end), (third_at, third_end) = map(
        measured, (first, second, third)
    )
    assert first_at >= second_end or second_at >= first_end
    assert third_at < max(first_end, second_end)
    assert third_end > min(first_at, second_at)
    waited = [e for r in (first, second) for e in phoenix.store.events(r.id) if e.step == "waits_for_hosts"]
    assert [e.data["hosts"] for e in waited] == [["local://same"], []]


def test_a_run_that_waits_for_its_host_heeds_a_stop(control_plane):
    phoenix = Phoenix(Settings(home=control_plane.home))
    holder = control_plane.run_deployment(
        "experiment/experiment",
        {
            "name": "holds",
            "spec": {**QUICK, "maximumDuration": "10m", "minimumScrapes": 500, "targets": ["local://held"]},
        },
    )
    eventually(lambda: has(phoenix, "holds", "lease@"), seconds=240, what="a host that is held")
    waiter = control_plane.run_deployment(
        "experiment/experiment", {"name": "waits", "spec": {**QUICK, "targets": ["local://held"]}}
    )
    eventually(lambda: has(phoenix, "waits", "waits_for_hosts"), seconds=240, what="a run that waits")
    phoenix.experiments.stop("waits", "enough of it")
    control_plane.await_state(waiter, {"Cancelled"}, seconds=120)
    assert phoenix.store.get("waits").phase is Phase.STOPPED
    assert not phoenix.store.get("holds").phase.is_over
    phoenix.experiments.stop("holds", "enough of it")
    control_plane.await_state(holder, {"Cancelled"}, seconds=120)


def has(phoenix: Phoenix, name: str, step: str) -> bool:
    found = [r for r in phoenix.experiments.list() if r.name == name]
    return bool(found) and any(e.step.startswith(step) for e in phoenix.store.events(found[0].id))
