"""A real run is announced on a real Prefect server and to real receivers; an automation runs on a breach."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from phoenix.adapters.prefect.events import PrefectEvents
from phoenix.composition import compose
from phoenix.domain.announcement import Announcement
from phoenix.domain.phases import Phase
from phoenix.settings import Settings
from tests.support.experiments import dropping_candidate, phoenix, write_spec
from tests.support.notices import Receiver, hanging, receiver
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

EXAMPLE = Path(__file__).parents[2] / "docs/pause-on-breach.yaml"

RECORDS_AND_DIES = """
import sys
from pathlib import Path
from phoenix.composition import compose
phoenix = compose()
print(phoenix.experiments.create(phoenix.drafts.read(Path(sys.argv[1]))).id)
"""


def events_of(url: str, experiment: str) -> list[dict]:
    from prefect.client.orchestration import SyncPrefectClient

    wanted = {"resource": {"id": [f"phoenix.experiment.{experiment}"]}, "event": {"prefix": ["phoenix."]}}
    with SyncPrefectClient(url) as client:
        answer = client._client.post("/events/filter", json={"filter": wanted, "limit": 50})
    return sorted(answer.json()["events"], key=lambda event: event["occurred"])


@pytest.fixture(scope="module")
def announced(prefect_server, tmp_path_factory):
    """A run that rolls back, told to one who listens and to one who hangs."""
    folder = tmp_path_factory.mktemp("announced")
    with pytest.MonkeyPatch.context() as patch, receiver() as told, hanging() as stuck:
        patch.setenv("PHOENIX_HOME", str(folder / "home"))
        patch.setenv("PHOENIX_NOTIFY", f"{stuck}\n{told.url}")
        spec = write_spec(
            folder, "told", candidate=dropping_candidate(folder), targets=["local://told"], onPromote="auto"
        )
        ended = phoenix("experiment", "run", "-f", spec, "-o", "json")
        assert ended.code == 10, ended.err
        experiment = ended.document["id"]
        ledger = compose().store.events(experiment)
        eventually(
            lambda: any(e["event"].endswith(".completed") for e in events_of(prefect_server, experiment)),
            what="the events to be stored",
        )
        yield {
            "ended": ended.document,
            "events": events_of(prefect_server, experiment),
            "told": told.posts,
            "ledger": ledger,
            "log": (folder / f"home/experiments/{experiment}/logs/experiment.log").read_text(),
        }


def test_every_phase_and_the_verdict_are_events(announced):
    names = [event["event"].removeprefix("phoenix.experiment.") for event in announced["events"]]
    assert names[0] == "created"
    assert names.count("verdict") == 1
    assert set(names[-2:]) == {"rolled_back", "completed"}
    entered = [e["payload"]["phase"] for e in announced["events"] if e["event"].endswith(".phase")]
    phases = [e.step for e in announced["ledger"] if e.kind == "phase" and not Phase(e.step).is_over]
    assert entered == phases


def test_an_event_names_the_experiment_and_its_flow_run(announced):
    (event,) = [e for e in announced["events"] if e["event"] == "phoenix.experiment.verdict"]
    assert event["resource"]["prefect.resource.name"] == "told"
    (note,) = [e for e in announced["ledger"] if e.step == "flow_run"]
    assert [r["prefect.resource.id"] for r in event["related"]] == [f"prefect.flow-run.{note.data['id']}"]
    assert event["payload"]["verdict"] == "ROLL_BACK"
    assert len(json.dumps(event["payload"])) < 10_000


def test_people_hear_of_the_verdict_once_although_another_target_hangs(announced):
    (post,) = announced["told"]
    assert post["title"] == "Phoenix: told: ROLL_BACK"
    assert "nginx" in post["message"]
    assert "local://told" in post["message"]
    assert announced["log"].count("target 1 of PHOENIX_NOTIFY (scheme json)") == 1
    assert Receiver.SECRET not in announced["log"]
    assert Receiver.SECRET not in json.dumps([dict(e.data) for e in announced["ledger"]])


def test_recovery_tells_of_what_it_ended_once(prefect_server, home, tmp_path, monkeypatch):
    with receiver() as told:
        monkeypatch.setenv("PHOENIX_NOTIFY", told.url)
        spec = write_spec(tmp_path, "lost", targets=["local://lost"])
        recorded = subprocess.run(
            [sys.executable, "-c", RECORDS_AND_DIES, spec], capture_output=True, text=True, check=True
        )
        experiment = recorded.stdout.strip()
        assert phoenix("recover").code == 0
        assert phoenix("recover").code == 0
        titles = told.titles()
    assert titles == ["Phoenix: lost: stopped"]
    names = eventually(lambda: [e["event"] for e in events_of(prefect_server, experiment)], what="the events")
    assert names[0] == "phoenix.experiment.created"
    assert names[-1] == "phoenix.experiment.stopped"
    assert names.count("phoenix.experiment.stopped") == 1
    assert (home / "experiments" / experiment / "report.html").exists()


@pytest.mark.parametrize(
    "door", [("run", "-f", "SPEC"), ("promote", "quick", "--reason", "x"), ("rollback", "quick")]
)
def test_a_malformed_target_is_refused_before_anything_starts(home, tmp_path, monkeypatch, door):
    monkeypatch.setenv("PHOENIX_NOTIFY", f"json://127.0.0.1:9 slack://{Receiver.SECRET}")
    spec = write_spec(tmp_path)
    recorded = compose().experiments.create(compose().drafts.read(spec))
    refused = phoenix("experiment", *(str(spec) if word == "SPEC" else word for word in door))
    assert refused.code == 2, refused.err
    assert "target 2 of PHOENIX_NOTIFY (scheme slack)" in refused.err
    assert Receiver.SECRET not in refused.err + refused.out
    assert [known.id for known in compose().experiments.list(2)] == [recorded.id]


def test_no_setting_shows_its_urls(monkeypatch):
    monkeypatch.setenv("PHOENIX_NOTIFY", f"json://{Receiver.SECRET}")
    assert Receiver.SECRET not in repr(Settings())


def test_the_example_automation_runs_on_a_breach(control_plane, tmp_path):
    """As the page says: created by Prefect's own command, it pauses a work pool on the event of a breach."""
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import WorkPoolCreate

    pool = f"breached-{uuid4().hex[:6]}"
    with SyncPrefectClient(control_plane.api_url) as client:
        pool_id = client.create_work_pool(WorkPoolCreate(name=pool, type="process")).id
        example = yaml.safe_load(EXAMPLE.read_text())
        example["actions"][0]["work_pool_id"] = str(pool_id)
        (tmp_path / "automation.yaml").write_text(yaml.safe_dump(example))
        prefect = Path(sys.executable).with_name("prefect")
        created = subprocess.run(
            [prefect, "automation", "create", "--from-file", tmp_path / "automation.yaml"],
            env={**control_plane.env, "PREFECT_API_URL": control_plane.api_url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert created.returncode == 0, created.stderr + created.stdout
        now = eventually(lambda: client.read_work_pool(pool), what="the pool")
        assert not now.is_paused
        breach = Announcement(
            event="phoenix.experiment.breach",
            key="17",
            at=datetime.now(UTC),
            resource="phoenix.experiment.exp-1a2b3c4d",
            name="told",
            payload={"reason": "a critical process was missed"},
        )

        def is_paused() -> bool:
            # The server learns of a new automation in its own time: an event before that triggers nothing.
            PrefectEvents(control_plane.api_url, {}).send([breach])
            return client.read_work_pool(pool).is_paused

        eventually(is_paused, seconds=300, what="the automation to pause the pool")
