"""Promotion on real collectors: the active pipeline is what the ledger says, before, during and after, whoever dies."""

import os
import signal
from datetime import timedelta

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.composition import compose
from tests.support.experiments import Command, await_phase, newest, phoenix, write_spec
from tests.support.mortal_driver import STEPS
from tests.support.production import (
    active,
    assert_flows,
    assert_only_production,
    critical_processes,
    is_collector,
    judged_copy,
    promote_and_die,
    remove_production,
)
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One state folder, and so one active pipeline, for the experiments of this module; nothing runs after it."""
    folder = tmp_path_factory.mktemp("promotions") / "home"
    critical = critical_processes(tmp_path_factory.mktemp("critical"))
    with critical, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOENIX_HOME", str(folder))
        yield folder
        remove_production()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("specs")


def topk(k: int) -> dict[str, object]:
    return {"pipeline": "process-topk-v1", "parameters": {"k": k}}


@pytest.fixture(scope="module")
def approved(home, files):
    """Reported, then promoted by a person; and asked for once more."""
    spec = write_spec(files, "first", onPromote="report", candidate=topk(4), watch="2s")
    ended = phoenix("experiment", "run", "-f", spec, "-o", "json")
    before = active()
    promoted = phoenix("experiment", "promote", "first", "--reason", "it is cheaper")
    again = phoenix("experiment", "promote", "first", "--reason", "once more")
    return {"ended": ended, "before": before, "promoted": promoted, "again": again, "running": active()}


def test_report_touches_nothing(approved):
    ended = approved["ended"]
    assert ended.code == 0, ended.err
    assert (ended.document["verdict"], ended.document["outcome"]) == ("PROMOTE", "reported")
    assert approved["before"] is None


def test_a_person_promotes_what_was_reported(approved):
    assert approved["promoted"].code == 0, approved["promoted"].err
    record = compose().experiments.get("first")
    assert (record.phase.value, record.outcome.value, record.error) == ("completed", "promoted", "")
    assert "it is cheaper" in {e.data.get("reason") for e in compose().store.events(record.id)}
    assert approved["running"].owner == record.id
    assert approved["running"].version == approved["ended"].document["candidate"]["version"]


def test_what_was_promoted_cannot_be_promoted_again(approved):
    assert approved["again"].code == 3
    assert "it is promoted already" in approved["again"].err


@pytest.fixture(scope="module")
def replaced(home, files, approved):
    """A second candidate, promoted by the run itself."""
    spec = write_spec(files, "second", onPromote="auto", candidate=topk(2), watch="2s")
    return phoenix("experiment", "run", "-f", spec, "-o", "json")


def test_auto_promotes_what_was_measured_and_ends_the_pipeline_before_it(home, approved, replaced):
    assert replaced.code == 0, replaced.err
    found = replaced.document
    assert (found["verdict"], found["outcome"]) == ("PROMOTE", "promoted")
    running = active()
    assert (running.owner, running.version) == (found["id"], found["candidate"]["version"])
    assert running.version != approved["running"].version
    assert not is_collector(approved["running"].pid)
    assert_only_production(home, found["id"])
    assert_flows(running)


def test_a_backend_that_takes_nothing_is_seen_before_the_switch(home, files, replaced):
    before = active()
    nowhere = {"otlp_http": {"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}"}}
    candidate = {"pipeline": "process-topk-v1", "parameters": {"k": 3, "exporters": nowhere}}
    spec = write_spec(files, "unheard", onPromote="auto", candidate=candidate, watch="2s")
    ended = phoenix("experiment", "run", "-f", spec, "-o", "json")
    assert ended.code == 4, ended.err
    assert "its exporter otlp_http sent no point" in ended.document["error"]
    assert active() == before
    assert_only_production(home, ended.document["id"])
    assert_flows(before)


def test_auto_takes_back_what_breaches_in_its_watch(home, files, replaced):
    before = active()
    spec = write_spec(files, "third", onPromote="auto", candidate=topk(3), watch="1m")
    command = Command("experiment", "run", "-f", spec, "-o", "json")
    await_phase("watching")
    promoted = active()
    assert promoted.version != before.version
    os.kill(promoted.pid, signal.SIGKILL)
    ended = command.result()
    assert ended.code == 10, ended.err
    assert (ended.document["verdict"], ended.document["outcome"]) == ("PROMOTE", "reverted")
    back = active()
    assert (back.owner, back.version) == (before.owner, before.version)
    assert_only_production(home, ended.document["id"])
    assert_flows(back)


@pytest.fixture
def copy(replaced):
    """An experiment whose promotion may be asked for; it watches for a minute."""
    judged = compose().experiments.get("first")
    document = dict(judged.document["document"])
    document["spec"] = {**document["spec"], "watch": "1m"}
    return judged_copy(judged, {**judged.document, "document": document})


def test_a_promotion_that_is_stopped_gives_back_what_was_there(home, copy):
    before = active()
    command = Command("experiment", "promote", copy.id, "--reason", "to be regretted")
    await_phase("watching")
    command.process.send_signal(signal.SIGINT)
    ended = command.result()
    assert ended.code == 12, ended.err
    record = compose().store.get(copy.id)
    assert (record.phase.value, record.outcome.value) == ("completed", "reported")
    assert active().version == before.version
    assert_only_production(home, copy.id)


def test_a_promotion_on_a_taken_host_is_refused(home, copy):
    before = active()
    host = compose().hosts.open("local")
    lease = host.acquire("exp-other", timedelta(minutes=1))
    refused = phoenix("experiment", "promote", copy.id, "--reason", "too early")
    host.release(lease.holder)
    assert refused.code == 3, refused.err
    assert "local is held by exp-other" in compose().store.get(copy.id).error
    assert active() == before
    assert host.lease() is None
    assert host.leftovers(copy.id) == ()


def assert_recovered(home, experiment: str) -> str:
    """Recover, twice; returns the outcome that the experiment has then."""
    first = phoenix("recover", "-o", "json")
    assert first.code == 0, first.err
    assert_only_production(home, experiment)
    assert_flows(active())
    found = (active(), compose().store.get(experiment))
    assert phoenix("recover").code == 0
    assert (active(), compose().store.get(experiment)) == found
    return found[1].outcome.value


def test_recover_after_everything_died_in_the_watch(home, copy):
    before = active()
    command = Command("experiment", "promote", copy.id, "--reason", "what could go wrong")
    record = await_phase("watching")
    command.process.kill()
    os.kill(record.driver.pid, signal.SIGKILL)
    command.result()
    eventually(lambda: newest().id == copy.id, what="the copy")
    assert assert_recovered(home, copy.id) == "promoted"
    assert active().owner == copy.id
    assert not is_collector(before.pid)


@pytest.mark.parametrize("step", STEPS)
def test_recover_after_the_driver_died_in_the_hand_over(home, copy, step):
    before = active()
    died = promote_and_die(step, copy.id)
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    outcome = assert_recovered(home, copy.id)
    if step == "start":
        assert (outcome, active()) == ("reported", before)
    else:
        assert (outcome, active().owner) == ("promoted", copy.id)
        assert not is_collector(before.pid)
