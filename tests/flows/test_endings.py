"""After every ending of an experiment the host is as the ledger says, and nothing of the experiment is left.

Judged by the kernel's process table, the listening ports and the files on the disk.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from phoenix.adapters.prefect.api import PrefectApi
from phoenix.composition import compose
from phoenix.domain.record import EventKind
from tests.support.experiments import Command, await_phase, dropping_candidate, newest, phoenix, write_spec
from tests.support.faulty_driver import STEPS
from tests.support.leftovers import files_below, is_listening, live_pids, processes_using
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]

KEPT = {"fence", "lock", "revision"}
"""What a host keeps for the next experiment: its counters and the lock of its files."""


def assert_nothing_left(home: Path) -> None:
    record = newest()
    assert record.phase.is_over
    assert record.driver is None
    assert not live_pids(record.id)
    eventually(lambda: not processes_using(home), what="the driver and its own processes to be gone")
    for event in compose().store.events(record.id):
        if event.kind is EventKind.DONE and event.step.startswith("deploy:"):
            assert not is_listening(urlsplit(event.data["metrics"]).port)
            assert not is_listening(urlsplit(event.data["telemetry"]).port)
    host = compose().hosts.open("local")
    assert host.lease() is None
    assert host.leftovers(record.id) == ()
    active = host.active()
    if active is None:
        assert files_below(home / "hosts" / "local") <= KEPT
    else:
        assert host.exit_reason(active.place) is None
    last = [e for e in compose().store.events(record.id) if e.step.startswith(("leave@", "promote@"))]
    if last and last[-1].kind is EventKind.DONE and last[-1].step.startswith("promote@"):
        assert active is not None
        assert active.version == last[-1].data["version"]
    elif not last or last[-1].kind is EventKind.UNDONE:
        assert active is None


def turns_taken(server: str) -> int:
    """How many hosts runs have on a Prefect server."""
    limits = PrefectApi(server, os.environ).post("/v2/concurrency_limits/filter", {}).body
    return sum(limit["active_slots"] for limit in limits)


def driver_of(record) -> int:
    """The flow's process, once it has taken over from its starter."""

    def taken():
        driver = newest().driver
        return driver.pid if driver and driver.pid != os.getpid() else None

    return eventually(taken, what="a driver")


def test_a_verdict_leaves_nothing(home, tmp_path):
    ended = phoenix("experiment", "run", "-f", write_spec(tmp_path), "-o", "json")
    assert ended.code == 0, ended.err
    assert ended.document["verdict"] == "PROMOTE"
    assert ended.document["outcome"] == "reported"
    assert_nothing_left(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_stops_and_cleans_up(home, tmp_path, number):
    command = Command("experiment", "run", "-f", write_spec(tmp_path), "-o", "json")
    await_phase("measuring")
    command.process.send_signal(number)
    ended = command.result()
    assert ended.code == 12, ended.err
    assert ended.document["outcome"] == "stopped"
    assert_nothing_left(home)


def test_sigterm_to_the_driver_stops_and_cleans_up(home, tmp_path):
    command = Command("experiment", "run", "-f", write_spec(tmp_path))
    record = await_phase("measuring")
    os.kill(driver_of(record), signal.SIGTERM)
    assert command.result().code == 12
    assert_nothing_left(home)


def test_stop_from_elsewhere_ends_the_run(home, tmp_path):
    command = Command("experiment", "run", "-f", write_spec(tmp_path))
    await_phase("warming_up", "measuring")
    stopped = phoenix("experiment", "stop", "quick", "--reason", "enough seen")
    assert stopped.code == 0, stopped.err
    ended = command.result()
    assert ended.code == 12
    assert "enough seen" in newest().error
    assert_nothing_left(home)


def test_a_killed_command_takes_its_flow_along(home, tmp_path):
    command = Command("experiment", "run", "-f", write_spec(tmp_path))
    await_phase("measuring")
    command.process.kill()
    command.result()
    eventually(lambda: newest().phase.is_over, what="the flow to end by itself")
    assert_nothing_left(home)


@pytest.mark.parametrize("phase", ["deploying", "measuring"])
def test_recover_after_everything_was_killed(home, tmp_path, prefect_server, phase):
    command = Command("experiment", "run", "-f", write_spec(tmp_path))
    record = await_phase(phase)
    command.process.kill()
    os.kill(driver_of(record), signal.SIGKILL)
    command.result()
    assert turns_taken(prefect_server) == 1
    recovered = phoenix("recover", "-o", "json")
    assert recovered.code == 0, recovered.err
    assert newest().phase.value == "stopped"
    assert turns_taken(prefect_server) == 0, "the next experiment would wait for a dead one"
    assert_nothing_left(home)
    assert phoenix("recover").code == 0
    assert_nothing_left(home)


@pytest.mark.parametrize("step", STEPS)
def test_an_exception_at_each_task_leaves_nothing(home, tmp_path, step):
    phoenix_here = compose()
    # It loses nginx, so that its verdict comes after a few scrapes.
    spec = write_spec(tmp_path, candidate=dropping_candidate(tmp_path))
    record = phoenix_here.experiments.create(phoenix_here.drafts.read(spec))
    driver = [sys.executable, "-m", "tests.support.faulty_driver", step, record.id]
    ended = subprocess.run(driver, capture_output=True, text=True, timeout=180, check=False)
    if step == "clean-up":
        assert ended.returncode == 0, ended.stderr[-2000:]
        assert newest().phase.value == "completed"
    else:
        assert ended.returncode != 0
        assert newest().phase.value == "failed"
        assert "was made to fail" in newest().error
    assert_nothing_left(home)


def test_a_cancel_in_prefect_stops_and_cleans_up(home, tmp_path, prefect_server):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.settings import PREFECT_API_URL, temporary_settings
    from prefect.states import Cancelling

    command = Command("experiment", "run", "-f", write_spec(tmp_path))
    record = await_phase("measuring")
    # Settings are read when prefect is first imported, which an earlier test may have done without a server.
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[record.id]))
        (flow_run,) = client.read_flow_runs(flow_run_filter=named)
        client.set_flow_run_state(flow_run.id, Cancelling())
    assert command.result().code == 12
    assert "cancelled in Prefect" in newest().error
    assert_nothing_left(home)
