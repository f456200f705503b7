"""Whoever dies, and whenever: nothing is orphaned, and what is left says whose it is."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.adapters.hosts.support import IDLE_LOAD, LONG, assert_gone, await_that, launch, of_folder

pytestmark = pytest.mark.real


def started(host, lifetime=LONG):
    return host.start_collector("baseline", launch(lifetime=lifetime), host.acquire("exp-1", LONG))


def test_a_collector_survives_its_killed_starter_and_is_found_again(driver, host):
    starter = driver("start", "60")
    assert [starter.stdout.readline() for _ in range(2)] == ["about\n", "ready\n"]
    starter.kill()
    starter.wait()
    running = host.collector("baseline")
    assert host.exit_reason("baseline") is None
    assert host.fetch(running.telemetry_url, timedelta(seconds=5))
    assert psutil.Process(running.pid).name() == "otelcol-phoenix"
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()


SOME = (0, 20, 45, 70, 90, 110, 140, 200)
MANY = [pytest.param(ms, marks=pytest.mark.soak) for ms in range(160) if ms not in SOME]


@pytest.mark.parametrize("delay_ms", [*SOME, *MANY])
def test_a_starter_killed_at_any_moment_leaves_nothing_that_clear_does_not_find(
    driver, host, folder, delay_ms
):
    starter = driver("start", "60")
    assert starter.stdout.readline() == "about\n"
    time.sleep(delay_ms / 1000)  # the moment is what this test is about
    starter.kill()
    starter.wait()
    assert host.leftovers("exp-1") != ()
    host.clear("exp-1")
    assert_nothing_left(host, folder)


@pytest.mark.parametrize("delay_ms", [0, 2, 5, 9, 15, 25, 40])
def test_a_clear_killed_at_any_moment_is_finished_by_the_next(driver, host, folder, delay_ms):
    started(host)
    cleaner = driver("clear")
    assert cleaner.stdout.readline() == "about\n"
    time.sleep(delay_ms / 1000)
    cleaner.kill()
    cleaner.wait()
    host.clear("exp-1")
    assert_nothing_left(host, folder)


def assert_nothing_left(host, folder):
    assert host.leftovers("exp-1") == ()
    assert of_folder(folder) == {}
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert files <= {"lock", "fence", "revision"}


def test_the_deadline_needs_none_of_us(driver, host, folder):
    starter = driver("start", "1.5")
    assert [starter.stdout.readline() for _ in range(2)] == ["about\n", "ready\n"]
    starter.kill()
    assert of_folder(folder)
    assert_gone(folder, seconds=5)
    assert "deadline of 1.5 s" in host.exit_reason("baseline")


def test_a_killed_timeout_orphans_nothing_that_stop_does_not_find(host, folder):
    running = started(host)
    timeout = psutil.Process(running.pid).ppid()
    assert psutil.Process(timeout).name() == "timeout"
    os.kill(timeout, signal.SIGKILL)
    await_that(lambda: timeout not in of_folder(folder), "timeout died")
    assert host.exit_reason("baseline") is None
    host.stop_collector("baseline")
    assert of_folder(folder) == {}


def test_a_killed_leader_changes_nothing(host, folder):
    running = started(host)
    os.kill(os.getsid(running.pid), signal.SIGKILL)
    assert host.exit_reason("baseline") is None
    os.kill(running.pid, signal.SIGKILL)
    await_that(lambda: host.exit_reason("baseline"), "it died")
    assert "killed together with its supervisor" in host.exit_reason("baseline")
    host.stop_collector("baseline")
    assert of_folder(folder) == {}


def test_a_dead_collector_is_no_zombie_that_looks_alive(host, folder):
    running = started(host)
    os.kill(running.pid, signal.SIGKILL)
    await_that(lambda: host.exit_reason("baseline"), "it died")
    assert "was killed by SIGKILL" in host.exit_reason("baseline")
    assert_gone(folder)


def test_a_lost_record_hides_no_process(host, folder):
    running = started(host)
    (folder / "places" / "baseline" / "process.json").unlink()
    assert any(str(running.pid) in word for word in host.leftovers("exp-1"))
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()
    assert of_folder(folder) == {}


def test_killed_holders_of_sessions_leave_no_agent_and_no_simulated_process(driver, host, folder):
    holder = driver("sessions")
    assert holder.stdout.readline() == "ready\n"
    assert len([name for name in of_folder(folder).values() if name.startswith("idle-")]) == 3
    holder.kill()
    holder.wait()
    assert_gone(folder, seconds=5)
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()


def test_no_child_holds_a_session_open(host):
    """An inherited end of the agent's stdin would keep it alive after our death."""
    with host.open_census("exp-1", LONG):
        running = started(host)
        for pid in (running.pid, os.getsid(running.pid)):
            targets = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
            assert not [target for target in targets if target.startswith("pipe:")]


def test_a_killed_agent_is_told(host, folder):
    from phoenix.domain.errors import DependencyError

    with host.start_load("exp-1", IDLE_LOAD, LONG) as load:
        agent = next(pid for pid, name in of_folder(folder).items() if name.startswith("python"))
        os.kill(agent, signal.SIGKILL)
        await_that(lambda: load.status().error, "the load says that it ended")
        assert load.status().achieved == 0
    assert of_folder(folder) == {}
    with host.open_census("exp-1", LONG) as census:
        agent = next(pid for pid, name in of_folder(folder).items() if name.startswith("python"))
        os.kill(agent, signal.SIGKILL)
        with pytest.raises(DependencyError, match="agent"):
            census.take([], timedelta(seconds=5))


def test_a_session_ends_at_its_own_deadline(host, folder):
    with host.open_census("exp-1", timedelta(seconds=0.7)):
        assert_gone(folder, seconds=5)
