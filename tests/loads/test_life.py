"""Loads of this machine as people start, look at and stop them, held against the kernel's process table."""

import json
import signal
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from phoenix.adapters.drivers import process
from phoenix.composition import compose
from phoenix.domain.load.run import LoadEnd, LoadState
from phoenix.domain.phases import Outcome, Phase
from tests.support.experiments import Command, phoenix, write_spec
from tests.support.inline import inline
from tests.support.load_processes import (
    assert_gone,
    keeper,
    marked,
    over,
    planned,
    simulated,
    started,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.real


def status(name: str) -> dict:
    done = inline("loadsim", "status", name, "-o", "json")
    assert done.code == 0, done.err
    return done.document


def test_exactly_what_was_asked_for_runs_and_nothing_is_left(bystander):
    began = datetime.now(UTC)
    done = phoenix("loadsim", "start", "--process-count", "60", "--churn-rate", "0", "-d", "5m", "-o", "json")
    assert done.code == 0, done.err
    told = done.document
    assert (told["name"], told["profile"], told["state"]) == ("realistic", "realistic", "running")
    assert (told["requested"], told["achieved"]) == (60, 60)
    assert timedelta(minutes=5) <= datetime.fromisoformat(told["deadline"]) - began < timedelta(minutes=6)
    assert [host["host"] for host in told["hosts"]] == ["local"]

    run = compose().loads.get(told["id"])
    assert simulated(run.id) == planned(run)
    assert simulated(run.id)["nginx"] == 1
    looked = eventually(
        lambda: found if (found := status("realistic"))["hosts"][0]["memory_bytes"] else None, what="memory"
    )
    assert (looked["requested"], looked["achieved"]) == (60, 60)
    assert looked["hosts"][0]["contained_by"] in ("pid namespace", "parent-death signal")
    listed = inline("loadsim", "status")
    assert "realistic" in listed.out
    assert "running" in listed.out

    stopped = phoenix("loadsim", "stop", "realistic")
    assert stopped.code == 0, stopped.err
    assert "nothing of it is left on local" in stopped.err
    assert marked(run.id) == []
    eventually(lambda: keeper(run.id) is None, what="its keeper left")
    bystander.assert_lives()
    assert status("realistic")["ended_because"] == "stopped"
    again = phoenix("loadsim", "stop", "realistic")
    assert again.code == 3
    assert "over already: stopped" in again.err


def test_its_keeper_outlives_the_command_and_has_no_terminal(home):
    run = started()
    pid = keeper(run.id)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    session, terminal = int(fields[3]), int(fields[4])
    assert (session, terminal) == (pid, 0)
    log = str(home / "loads" / run.id / "keeper.log")
    opened = [str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for fd in (0, 1, 2)]
    assert opened == ["/dev/null", log, log]
    assert process(pid) == compose().loads.get(run.id).driver


def test_a_command_that_waits_may_be_killed_and_the_load_goes_on():
    waiting = Command("loadsim", "start", "--profile", "custom", "--wait", "--name", "long")
    eventually(lambda: "processes" in (waiting.process.stderr.readline() or ""), what="it stands")
    waiting.process.kill()
    waiting.process.communicate()
    assert status("long")["state"] == "running"
    assert simulated(status("long")["id"]).total() == 20


def test_the_same_seed_gives_the_same_processes():
    runs = [started("--profile", "high-cardinality", "--seed", seed, processes=40) for seed in "778"]
    lines = [sorted(_command_lines(run.id)) for run in runs]
    assert len(lines[0]) == 40
    assert lines[0] == lines[1]
    assert lines[0] != lines[2]


def _command_lines(load: str) -> list[bytes]:
    pids = [one.pid for one in marked(load) if not one.is_generator]
    return [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids]


def test_waiting_stays_to_the_deadline():
    done = phoenix("loadsim", "start", "-p", "custom", "-d", "6s", "--wait", "-o", "json")
    assert done.code == 0, done.err
    assert (done.document["state"], done.document["ended_because"]) == ("ended", "deadline")
    assert "20 of 20 processes on local until" in done.err
    assert marked(done.document["id"]) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_wait_ends_the_load(number):
    waiting = Command("loadsim", "start", "-p", "custom", "--wait", "--name", "long")
    run = eventually(_newest, what="it runs")
    waiting.process.send_signal(number)
    done = waiting.result()
    assert done.code == 12, done.err
    assert marked(run.id) == []
    ended = compose().loads.get(run.id)
    assert ended.is_over
    assert ended.ending.why is LoadEnd.STOPPED


@pytest.mark.parametrize("moment", [0.0, 0.6, 1.2])
def test_an_interrupted_start_leaves_nothing(moment, home):
    starting = Command("loadsim", "start", "-p", "custom", "--process-count", "500", "--name", "big")
    run = eventually(lambda: _recorded(home), what="it is recorded")
    due = run.created_at + timedelta(seconds=moment)
    eventually(lambda: datetime.now(UTC) >= due)
    starting.process.send_signal(signal.SIGINT)
    done = starting.result()
    if done.code == 0:  # it stood before the signal came
        assert phoenix("loadsim", "stop", "big").code == 0
    else:
        assert done.code == 12, done.err
    assert_gone(run.id)
    assert compose().loads.get(run.id).ending.why is LoadEnd.STOPPED


def _recorded(home):
    runs = compose().loads.newest() if (home / "phoenix.db").exists() else ()
    return runs[0] if runs else None


def _newest():
    run = _recorded(compose().settings.home)
    return run if run is not None and run.state is LoadState.RUNNING else None


def test_all_are_stopped_at_once():
    runs = [started("--name", name, processes=5) for name in ("one", "two", "three")]
    assert phoenix("loadsim", "stop", "--all").code == 0
    for run in runs:
        assert marked(run.id) == []
        assert compose().loads.get(run.id).is_over
    nothing = phoenix("loadsim", "stop", "--all")
    assert (nothing.code, nothing.err) == (0, "no load is running\n")


def test_two_hosts_of_this_machine_are_loaded_apart():
    done = inline(
        "loadsim", "start", "-p", "custom", "--process-count", "8", "-o", "json",
        "--target-host", "local://a", "--target-host", "local://b",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["achieved"] == 16
    assert [host["achieved"] for host in done.document["hosts"]] == [8, 8]
    assert simulated(done.document["id"]).total() == 16
    assert inline("loadsim", "stop", "custom").code == 0
    assert marked(done.document["id"]) == []


def test_a_load_of_an_experiment_runs_beside_its_lease_and_ends_with_it(home, tmp_path):
    phx = compose()
    record = phx.experiments.create(phx.drafts.read(write_spec(tmp_path, targets=["local://web"])))
    assert record.driver is not None  # this process: so nobody recovers it
    phx.store.enter(record.id, Phase.MEASURING)
    phx.hosts.open("local://web").acquire(record.id, timedelta(minutes=5))
    done = inline("loadsim", "start", "quick", "-p", "custom", "-o", "json")
    assert done.code == 0, done.err
    load = done.document["id"]
    assert (done.document["experiment"], done.document["hosts"][0]["host"]) == (record.id, "local://web")
    assert simulated(load).total() == 20
    phx.store.finish(record.id, Phase.STOPPED, Outcome.STOPPED, "")
    assert_gone(load)
    assert over(load).ending.why is LoadEnd.EXPERIMENT_OVER
    refused = inline("loadsim", "start", "quick")
    assert refused.code == 3
    assert "is over" in refused.err


def test_its_figures_are_served_on_the_loopback():
    run = started("--metrics-port", "0", processes=7)
    url = status(run.id)["hosts"][0]["metrics_url"]
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - ours, on the loopback
        body = answer.read().decode()
    assert "phoenix_loadsim_active_processes" in body
    assert url in inline("loadsim", "status", run.name).out


def test_a_run_whose_host_cannot_be_asked_stays_on_the_list_until_it_can(home):
    """Nobody listens on that port."""
    run = started()
    store = compose().load_store
    ghost = replace(
        store.get(run.id), id="load-ghost", name="ghost", targets=("ssh://127.0.0.1:1",), driver=None
    )
    store.create(ghost)
    recovered = inline("recover")
    assert recovered.code == 4
    assert "ghost" in recovered.out
    assert inline("loadsim", "stop", "ghost").code == 4
    assert status("ghost")["state"] == "ending"
    assert status("ghost")["hosts"][0]["left"]
    assert simulated(run.id).total() == 12, "the one that is kept is left alone"
    forgotten = inline("loadsim", "stop", "ghost", "--forget")
    assert forgotten.code == 0
    assert "nobody was asked" in forgotten.err
    assert inline("recover").code == 0
    kept = inline("loadsim", "stop", run.name, "--forget")
    assert kept.code == 3
    assert simulated(run.id).total() == 12


@pytest.mark.parametrize("form", ["table", "json", "yaml", "csv", "markdown"])
def test_every_format_of_a_status(form):
    assert started("--name", "evening", processes=5)
    for arguments in (("evening",), ()):
        done = inline("loadsim", "status", *arguments, "-o", form)
        assert done.code == 0, done.err
        assert "5" in done.out
        assert ("evening" in done.out) or (form in ("csv", "markdown") and arguments)


def test_a_watch_of_one_load_ends_with_it():
    run = started(duration="7s")
    done = phoenix("loadsim", "status", run.name, "--watch")
    assert done.code == 0
    assert f"{run.name}: 12 of 12 processes" in done.out
    assert "ended (deadline)" in done.out


def test_profiles_are_listed_with_what_they_take():
    rows = json.loads(inline("loadsim", "list-profiles", "-o", "json").out)
    found = {row["name"]: row for row in rows}
    assert found["realistic"]["aliases"] == ["normal"]
    assert found["process-churn"]["churn_rate"] == 25
    table = inline("loadsim", "list-profiles").out
    assert table.splitlines()[0].split() == [
        "PROFILE", "ALIASES", "DESCRIPTION", "PROCESSES", "CHURN", "RESOURCE", "IMPACT",
    ]  # fmt: skip
