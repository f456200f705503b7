"""Every verdict through the real command on real collectors: exit code, words, outcome, and the object it prints."""

import csv
import io
import json
import os
import signal
from datetime import timedelta

import pytest
import yaml

from phoenix.composition import compose
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from phoenix.services.run.queueing import WAITS
from tests.support.experiments import Command, await_phase, dropping_candidate, newest, phoenix, write_spec
from tests.support.leftovers import live_pids, processes_using
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]

WARMUP = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One state folder for the experiments of this module."""
    folder = tmp_path_factory.mktemp("verdicts") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOENIX_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("specs")


def run(path) -> Command:
    return Command("experiment", "run", "-f", path, "-o", "json")


def assert_gone(home, document) -> None:
    assert not live_pids(document["id"])
    assert not processes_using(home)
    for target in document["targets"]:
        host = compose().hosts.open(target)
        assert host.lease() is None
        assert host.leftovers(document["id"]) == ()
        assert host.active() is None
    log = home / "experiments" / document["id"] / "logs" / "experiment.log"
    assert "Fatal Python error" not in log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def dropping(home, files):
    """A candidate that drops a critical process, with each wish; on hosts of their own, all at once."""
    candidate = dropping_candidate(files)
    load = {"profile": "realistic", "processes": 20, "seed": 7}
    running = {
        wish: run(
            write_spec(
                files,
                f"drops-{wish}",
                candidate=candidate,
                targets=[f"local://{wish}"],
                load=load,
                onPromote=wish,
            )
        )
        for wish in ("report", "approve", "auto")
    }
    return {wish: command.result() for wish, command in running.items()}


@pytest.mark.parametrize(
    ("wish", "outcome"), [("report", "reported"), ("approve", "rolled_back"), ("auto", "rolled_back")]
)
def test_a_lost_critical_process_rolls_back_at_once(home, dropping, wish, outcome):
    ended = dropping[wish]
    assert ended.code == 10, ended.err
    found = ended.document
    assert (found["verdict"], found["outcome"], found["phase"]) == ("ROLL_BACK", outcome, "completed")
    assert found["decidedAtScrape"] > WARMUP
    assert found["scrapes"] <= 3  # that were taken: on a busy machine some are left out
    assert any("critical process nginx" in reason and "quiet.yaml" in reason for reason in found["reasons"])
    assert "nginx" in {missed["name"] for missed in found["critical"]["missed"]}
    assert_gone(home, found)


def test_the_filter_that_drops_it_was_warned_of_and_ran_all_the_same(dropping):
    (warning,) = dropping["report"].document["findings"]
    assert (warning["severity"], warning["code"]) == ("warning", "inverted_filter")
    assert warning["path"].startswith("spec.candidate.file.processors.filter/quiet")
    assert "nginx (critical) would be lost" in dropping["report"].err


def test_a_rolled_back_experiment_cannot_be_promoted(dropping):
    refused = phoenix("experiment", "promote", "drops-approve", "--reason", "I like it")
    assert refused.code == 3
    assert "its verdict is ROLL_BACK" in refused.err


def _waits(record) -> bool:
    return any(event.step == WAITS for event in compose().store.events(record.id))


@pytest.fixture(scope="module")
def against_itself(home, files, dropping):
    """The baseline against itself; while it measures, others want what they must not have, or have to wait for."""
    baseline = {"pipeline": "process-baseline-v1"}
    # Long enough for the other to begin meanwhile, which takes a slow machine half a minute.
    command = run(write_spec(files, "itself", candidate=baseline, minimumScrapes=40, maximumDuration="4m"))
    first = await_phase("deploying", "starting_load", "warming_up", "measuring")
    queued = run(write_spec(files, "queued"))
    eventually(lambda: _waits(newest()), what="the other to queue")
    eventually(lambda: compose().store.get(first.id).phase is Phase.MEASURING, what="the first to measure")
    scraped = len(compose().store.scrapes(first.id))
    during = compose().store.get(first.id)
    deleted = phoenix("experiment", "delete", "itself")
    listed = phoenix("experiment", "list", "-o", "json")
    eventually(lambda: len(compose().store.scrapes(first.id)) > scraped + 2, what="the first to go on")
    stopped = phoenix("experiment", "stop", "queued", "--reason", "enough of waiting")
    return {
        "ended": command.result(),
        "queued": queued.result(),
        "stopped": stopped,
        "during": during,
        "deleted": deleted,
        "listed": listed,
    }


def test_a_pipeline_against_itself_is_proven_not_to_help(home, against_itself):
    ended = against_itself["ended"]
    assert ended.code == 10, ended.err
    assert ended.document["verdict"] == "ROLL_BACK"
    assert any("objective proven below its minimum" in reason for reason in ended.document["reasons"])
    assert_gone(home, ended.document)


def test_an_experiment_on_a_taken_host_queues_and_the_other_goes_on(against_itself):
    queued = against_itself["queued"]
    assert "waiting for local: another run has it" in queued.err
    assert against_itself["stopped"].code == 0, against_itself["stopped"].err
    assert queued.code == 12, queued.err
    assert queued.document["startedAt"] is None or queued.document["scrapes"] == 0
    assert against_itself["during"].phase is Phase.MEASURING
    assert against_itself["ended"].document["validity"] == {"valid": True, "reasons": []}


def test_a_host_that_another_holds_past_any_queue_is_refused(home, files, against_itself):
    host = compose().hosts.open("local://held")
    lease = host.acquire("exp-other", timedelta(minutes=1))
    refused = run(write_spec(files, "refused", targets=["local://held"])).result()
    assert refused.code == 3, refused.err
    assert "local://held is held by exp-other" in refused.document["error"]
    assert host.lease() == lease
    host.release(lease.holder)
    assert phoenix("experiment", "delete", "refused").code == 0


def test_a_running_experiment_cannot_be_deleted(against_itself):
    refused = against_itself["deleted"]
    assert refused.code == 3
    assert "phoenix experiment stop itself" in refused.err


def test_the_list_shows_a_running_experiment_with_the_others(against_itself):
    rows = {row["name"]: row["phase"] for row in json.loads(against_itself["listed"].out)}
    assert rows == {
        "itself": "measuring",
        "queued": "deploying",
        "drops-report": "completed",
        "drops-approve": "completed",
        "drops-auto": "completed",
    }


@pytest.fixture(scope="module")
def killed(home, files, against_itself):
    """A run whose candidate collector is killed while it measures."""
    command = run(write_spec(files, "killed", onPromote="auto"))
    record = await_phase("measuring")
    deployed = [
        event
        for event in compose().store.events(record.id)
        if event.step == "deploy:candidate@local" and event.kind is EventKind.DONE
    ]
    os.kill(deployed[0].data["pid"], signal.SIGKILL)
    return command.result()


def test_a_collector_that_died_never_promotes(home, killed):
    assert killed.code == 11, killed.err
    found = killed.document
    assert (found["verdict"], found["outcome"]) == ("INCONCLUSIVE", "none")
    reason = found["reasons"][0]
    assert reason.startswith("the candidate collector on local died: ")
    assert found["validity"]["valid"] is False
    assert reason in found["validity"]["reasons"]
    assert_gone(home, found)


NUMBER = (int, float, type(None))
SHAPE = {
    "id": str,
    "name": str,
    "phase": str,
    "verdict": str,
    "reasons": list,
    "scrapes": int,
    "outcome": str,
    "validity": dict,
    "alpha": float,
    "metrics": dict,
    "criteria": list,
    "critical": dict,
    "targets": list,
    "startedAt": str,
    "finishedAt": str,
    "decidedAtScrape": (int, type(None)),
    "error": (str, type(None)),
}
CRITERION = {
    "metric": str,
    "role": str,
    "kind": str,
    "limit": float,
    "value": NUMBER,
    "lower": NUMBER,
    "upper": NUMBER,
    "passed": (bool, type(None)),
    "reason": str,
}


def assert_shape(found, shape) -> None:
    for key, kind in shape.items():
        assert isinstance(found[key], kind), f"{key}: {found[key]!r}"


@pytest.fixture(params=["dropping", "against_itself", "killed"])
def document(request, dropping, against_itself, killed):
    return {"dropping": dropping["auto"], "against_itself": against_itself["ended"], "killed": killed}[
        request.param
    ].document


def test_the_printed_object_has_every_promised_key(document):
    assert_shape(document, SHAPE)
    assert Phase(document["phase"]).is_over
    assert document["outcome"] in [outcome.value for outcome in Outcome]
    assert_shape(document["validity"], {"valid": bool, "reasons": list})
    assert_shape(document["critical"], {"processes": int, "missed": list, "missUpperBound": NUMBER})
    for metric in document["metrics"].values():
        assert_shape(metric, {"baseline": NUMBER, "candidate": NUMBER, "effect": (dict, type(None))})
        if metric["effect"]:
            assert_shape(
                metric["effect"], {"estimate": NUMBER, "lower": NUMBER, "upper": NUMBER, "unit": str}
            )
            assert metric["effect"]["unit"] == "1"
    assert [criterion["role"] for criterion in document["criteria"]] == ["objective", "guardrail"]
    for criterion in document["criteria"]:
        assert_shape(criterion, CRITERION)


def test_the_effect_is_the_reduction_with_its_bounds(against_itself):
    effect = against_itself["ended"].document["metrics"]["series"]["effect"]
    assert effect["lower"] <= effect["estimate"] <= effect["upper"] < 0.3
    assert abs(effect["estimate"]) < 0.05


def test_compare_writes_every_format(against_itself):
    wanted = against_itself["ended"].document
    texts = {
        form: phoenix("experiment", "compare", "itself", "-o", form)
        for form in ("table", "json", "yaml", "csv", "markdown")
    }
    assert {form: text.code for form, text in texts.items()} == dict.fromkeys(texts, 0)
    del wanted["report"]
    assert json.loads(texts["json"].out) == wanted
    assert yaml.safe_load(texts["yaml"].out) == wanted
    rows = list(csv.DictReader(io.StringIO(texts["csv"].out)))
    assert [row["metric"] for row in rows] == list(wanted["metrics"])
    assert texts["markdown"].out.startswith("| metric | baseline | candidate |")
    assert "ROLL_BACK" in texts["table"].out


def test_status_shows_the_same_object(against_itself):
    shown = phoenix("experiment", "status", "itself", "-o", "json")
    assert shown.code == 0
    assert shown.document["verdict"] == "ROLL_BACK"
    assert "ROLL_BACK" in phoenix("experiment", "status", "itself").out


def test_a_deleted_experiment_is_forgotten(home, dropping, against_itself, killed):
    experiment = dropping["report"].document["id"]
    assert phoenix("experiment", "delete", "drops-report").code == 0
    assert not (home / "experiments" / experiment).exists()
    gone = phoenix("experiment", "status", "drops-report")
    assert gone.code == 3
    assert "drops-report" in gone.err
    assert phoenix("experiment", "delete", "drops-report").code == 3


def test_stopping_what_is_over_is_refused(against_itself):
    refused = phoenix("experiment", "stop", "itself")
    assert refused.code == 3
    assert newest().phase.is_over
