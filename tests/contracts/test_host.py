"""The contract of `Host`, over the fake and over this machine with the real collector and agent."""

import os
import signal
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.adapters import agent_archive
from phoenix.adapters.hosts.remote import remote_host
from phoenix.adapters.machines.ssh import SshMachine
from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.adapters.ports import Host
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.domain.targets import parse_target
from tests.adapters.hosts.support import (
    CONFIG,
    IDLE_LOAD,
    LONG,
    OTHER_CONFIG,
    REFUSED_CONFIG,
    assert_gone,
    await_that,
    collector_binary,
    launch,
    local_host,
)
from tests.fakes.host import FakeHost

SECOND = timedelta(seconds=5)


@dataclass
class Subject:
    host: Host
    kill: Callable[[str], None]


KINDS = ("local", "detached", "systemd")
"""This machine, the same one behind sshd, and a host of its own with systemd behind sshd."""


@pytest.fixture(params=["fake", *(pytest.param(kind, marks=pytest.mark.real) for kind in KINDS)])
def subject(request: pytest.FixtureRequest) -> Generator[Subject]:
    if request.param == "fake":
        fake = FakeHost()
        yield Subject(fake, fake.kill)
    elif request.param == "systemd":
        yield from on_a_host_of_its_own(request)
    else:
        yield from on_this_machine(request)


def on_a_host_of_its_own(request: pytest.FixtureRequest) -> Generator[Subject]:
    vm_hosts, folder = request.getfixturevalue("vm_hosts"), request.getfixturevalue("tmp_path")
    vm = vm_hosts.shared("web-1")
    # What was brought there is kept, as it would be.
    state = ("active", "configs", "fence", "lease.json", "lock", "places", "revision")
    vm.run("rm", "-rf", *(f"/var/lib/phoenix/{name}" for name in state))
    connection = SshConnection(parse_target(vm.uri), vm_hosts.config)
    machine = SshMachine(vm.uri, connection)
    host = remote_host(vm.uri, machine, collector_binary, lambda: agent_archive.write_to(folder))

    def kill(place: str) -> None:
        running = host.collector(place)
        assert running
        vm.run("kill", "-KILL", str(running.pid))

    yield Subject(host, kill)
    emptied(host)
    assert not [one for one in machine.processes() if one.marks]
    units = vm.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "phoenix-*").stdout
    assert units.strip() == ""
    connection.close()


def emptied(host: Host) -> None:
    for owner in ("exp-1", "exp-2"):
        host.clear(owner)
    active = host.active()
    if active:
        host.activate(None, host.acquire("exp-1", LONG))
    for one in host.revisions():
        host.stop_collector(one.place)
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()


def on_this_machine(request: pytest.FixtureRequest) -> Generator[Subject]:
    folder: Path = request.getfixturevalue("tmp_path") / "host"
    machine = request.getfixturevalue("ssh_machine") if request.param == "detached" else None
    host = local_host(folder, machine=machine)

    def kill(place: str) -> None:
        running = host.collector(place)
        assert running
        os.kill(running.pid, signal.SIGKILL)

    yield Subject(host, kill)
    emptied(host)
    assert_gone(folder)


@pytest.fixture
def host(subject: Subject) -> Host:
    return subject.host


def test_a_host_says_what_it_is(host):
    facts = host.facts()
    assert facts.architecture
    assert ("no Python" in " ".join(host.notices())) is (not facts.python)


def test_a_taken_host_says_who_holds_it(host):
    host.acquire("exp-1", LONG)
    with pytest.raises(StateError, match="exp-1") as refusal:
        host.acquire("exp-2", LONG)
    assert refusal.value.code == "host_taken"
    assert refusal.value.details["holder"] == "exp-1"


def test_the_holder_may_take_the_host_again(host):
    assert host.acquire("exp-1", LONG) == host.acquire("exp-1", LONG) == host.lease()


def test_only_the_holder_gives_the_host_back(host):
    lease = host.acquire("exp-1", LONG)
    host.release("exp-2")
    assert host.lease() == lease
    host.release("exp-1")
    host.release("exp-1")
    assert host.lease() is None


def test_no_fence_is_given_twice(host):
    first = host.acquire("exp-1", LONG)
    host.release("exp-1")
    second = host.acquire("exp-2", LONG)
    host.release("exp-2")
    third = host.acquire("exp-1", LONG)
    assert first.fence < second.fence < third.fence


def test_an_expired_lease_is_given_to_the_next(host):
    old = host.acquire("exp-1", timedelta(milliseconds=30))
    await_that(lambda: host.lease() is None, "the lease expired")
    new = host.acquire("exp-2", LONG)
    assert new.fence > old.fence
    for refused in (
        lambda: host.renew(old, LONG),
        lambda: host.start_collector("baseline", launch(), old),
        lambda: host.activate(None, old),
    ):
        with pytest.raises(StateError) as refusal:
            refused()
        assert refusal.value.code == "lease_outdated"
    assert host.lease() == new


def test_an_expired_lease_that_nobody_took_can_be_renewed(host):
    lease = host.acquire("exp-1", timedelta(milliseconds=30))
    await_that(lambda: host.lease() is None, "the lease expired")
    host.renew(lease, LONG)
    assert host.lease() == lease


def test_a_started_collector_answers_and_is_told(host):
    running = host.start_collector("baseline", launch(), host.acquire("exp-1", LONG))
    assert (running.place, running.owner, running.pipeline) == ("baseline", "exp-1", "a-pipeline")
    assert host.collector("baseline") == running
    assert host.exit_reason("baseline") is None
    assert host.config("baseline") == CONFIG
    assert host.fetch(running.telemetry_url, SECOND)
    host.fetch(running.metrics_url, SECOND)


def test_starting_the_same_again_returns_what_runs(host):
    lease = host.acquire("exp-1", LONG)
    assert host.start_collector("baseline", launch(), lease) == host.start_collector(
        "baseline", launch(), lease
    )


def test_another_configuration_replaces_what_runs(host):
    lease = host.acquire("exp-1", LONG)
    first = host.start_collector("baseline", launch(), lease)
    second = host.start_collector("baseline", launch(config=OTHER_CONFIG), lease)
    assert second.digest != first.digest
    assert host.collector("baseline") == second
    with pytest.raises(DependencyError):
        host.fetch(first.telemetry_url, SECOND)


def test_a_dead_collector_is_started_again(subject):
    host, lease = subject.host, subject.host.acquire("exp-1", LONG)
    first = host.start_collector("baseline", launch(), lease)
    subject.kill("baseline")
    await_that(lambda: host.exit_reason("baseline"), "it died")
    second = host.start_collector("baseline", launch(), lease)
    assert second.pid != first.pid
    assert host.exit_reason("baseline") is None


def test_a_refused_configuration_touches_nothing(host):
    lease = host.acquire("exp-1", LONG)
    running = host.start_collector("candidate", launch(), lease)
    for place in ("baseline", "candidate"):
        with pytest.raises(SpecError) as refusal:
            host.start_collector(place, launch(config=REFUSED_CONFIG), lease)
        assert refusal.value.code == "config_refused"
    assert host.collector("candidate") == running
    assert host.exit_reason("candidate") is None
    assert host.collector("baseline") is None


def test_only_a_revision_may_live_without_a_deadline(host):
    lease = host.acquire("exp-1", LONG)
    with pytest.raises(SpecError):
        host.start_collector("candidate", launch(lifetime=None), lease)
    host.start_collector("revision-1", launch(lifetime=None), lease)
    assert host.exit_reason("revision-1") is None


def test_stopping_twice_is_stopping_once(host):
    running = host.start_collector("baseline", launch(), host.acquire("exp-1", LONG))
    for _ in range(2):
        host.stop_collector("baseline")
        assert host.collector("baseline") is None
        assert host.exit_reason("baseline") is not None
    with pytest.raises(StateError):
        host.config("baseline")
    with pytest.raises(DependencyError):
        host.fetch(running.telemetry_url, SECOND)


def test_a_killed_collector_is_told_with_its_reason(subject):
    host = subject.host
    running = host.start_collector("candidate", launch(), host.acquire("exp-1", LONG))
    subject.kill("candidate")
    await_that(lambda: host.exit_reason("candidate"), "the death shows")
    assert "SIGKILL" in (host.exit_reason("candidate") or "")
    assert host.collector("candidate") == running


def test_activating_points_at_a_revision_and_stops_nothing(host):
    lease = host.acquire("exp-1", LONG)
    assert host.active() is None
    first = host.start_collector("revision-1", launch(lifetime=None), lease)
    second = host.start_collector("revision-2", launch(config=OTHER_CONFIG, lifetime=None), lease)
    host.activate("revision-1", lease)
    assert host.active() == first
    host.activate("revision-2", lease)
    host.activate("revision-2", lease)
    assert host.active() == second
    assert host.exit_reason("revision-1") is None
    host.activate(None, lease)
    host.activate(None, lease)
    assert host.active() is None
    assert host.exit_reason("revision-2") is None


def test_only_a_started_revision_becomes_active(host):
    lease = host.acquire("exp-1", LONG)
    host.start_collector("baseline", launch(), lease)
    with pytest.raises(SpecError):
        host.activate("baseline", lease)
    with pytest.raises(StateError):
        host.activate("revision-7", lease)


def test_no_revision_number_comes_twice(host):
    lease = host.acquire("exp-1", LONG)
    assert host.next_revision() == host.next_revision() == 1
    host.start_collector("revision-1", launch(), lease)
    host.stop_collector("revision-1")
    assert host.next_revision() == 2


def test_a_host_tells_every_revision_that_it_keeps(host):
    lease = host.acquire("exp-1", LONG)
    assert host.revisions() == ()
    host.start_collector("baseline", launch(), lease)
    second = host.start_collector("revision-2", launch(lifetime=None), lease)
    third = host.start_collector("revision-10", launch(config=OTHER_CONFIG, lifetime=None), lease)
    host.activate("revision-10", lease)
    host.retire("revision-2")
    assert [one.place for one in host.revisions()] == ["revision-2", "revision-10"]
    assert [one.digest for one in host.revisions()] == [second.digest, third.digest]
    host.stop_collector("revision-2")
    assert host.revisions() == (third,)


def test_clearing_removes_everything_of_the_owner(host):
    lease = host.acquire("exp-1", LONG)
    host.start_collector("baseline", launch(), lease)
    host.start_collector("revision-1", launch(config=OTHER_CONFIG), lease)
    assert len(host.leftovers("exp-1")) >= 3
    for _ in range(2):
        host.clear("exp-1")
        assert host.leftovers("exp-1") == ()
    assert host.lease() is None
    assert host.collector("baseline") is None


def test_clearing_leaves_production_and_other_owners_alone(host):
    lease = host.acquire("exp-1", LONG)
    active = host.start_collector("revision-1", launch(lifetime=None), lease)
    host.activate("revision-1", lease)
    host.release("exp-1")
    lease = host.acquire("exp-2", LONG)
    other = host.start_collector("baseline", launch("exp-2"), lease)
    assert host.leftovers("exp-1") == ()
    host.clear("exp-1")
    assert host.active() == active
    assert host.collector("baseline") == other
    assert host.exit_reason("revision-1") is host.exit_reason("baseline") is None
    assert host.lease() == lease


def test_what_served_before_outlasts_the_clearing_of_its_owner(host):
    """Between the switch and its retirement as well: it is the last known good."""
    lease = host.acquire("exp-1", LONG)
    old = host.start_collector("revision-1", launch(lifetime=None), lease)
    host.activate("revision-1", lease)
    host.release("exp-1")
    lease = host.acquire("exp-2", LONG)
    new = host.start_collector("revision-2", launch("exp-2", OTHER_CONFIG, lifetime=None), lease)
    host.activate("revision-2", lease)
    assert host.exit_reason("revision-1") is None
    host.clear("exp-1")
    assert host.leftovers("exp-1") == ()
    assert host.active() == new
    assert host.exit_reason("revision-2") is None
    assert "was replaced" in (host.exit_reason("revision-1") or "")
    assert [one.place for one in host.revisions()] == ["revision-1", "revision-2"]
    again = host.revive("revision-1", lease)
    assert (again.digest, again.owner) == (old.digest, old.owner)
    assert host.exit_reason("revision-1") is None
    host.activate("revision-1", lease)
    host.clear("exp-2")
    assert "was replaced" in (host.exit_reason("revision-2") or "")
    assert host.active() == again
    host.stop_collector("revision-2")


def test_the_end_of_the_log_is_handed_back(host):
    lease = host.acquire("exp-1", LONG)
    config = CONFIG.replace("level: warn", "level: info")
    host.start_collector("baseline", launch(config=config), lease)
    assert "Shutdown complete" in host.stop_collector("baseline")


def test_the_census_shows_the_collectors(host):
    running = host.start_collector("baseline", launch(), host.acquire("exp-1", LONG))
    with host.open_census("exp-1", LONG) as session:
        first = session.take([running.pid], SECOND)
        second = session.take([], SECOND)
    assert first.processes[running.pid].name == "otelcol-phoenix"
    assert first.processes[running.pid].rss_bytes > 1_000_000
    assert first.at_seconds < second.at_seconds
    assert not any("census" in word for word in host.leftovers("exp-1"))


def test_a_load_stands_when_it_is_handed_out_and_is_gone_afterwards(host):
    with host.start_load("exp-1", IDLE_LOAD, LONG) as session:
        status = session.status()
        assert (status.requested, status.achieved, status.error) == (3, 3, "")
        assert host.leftovers("exp-1") != ()
    assert host.leftovers("exp-1") == ()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\nb", "a\0b", "$(id)", "-oProxyCommand=id;", "x" * 65])
def test_names_as_an_attacker_writes_them_are_refused(host, name):
    lease = host.acquire("exp-1", LONG)
    for refused in (
        lambda: host.acquire(name, LONG),
        lambda: host.start_collector("baseline", launch(name), lease),
        lambda: host.start_collector(name, launch(), lease),
        lambda: host.activate(name, lease),
        lambda: host.stop_collector(name),
        lambda: host.open_census(name, LONG).__enter__(),
        lambda: host.start_load(name, IDLE_LOAD, LONG).__enter__(),
    ):
        with pytest.raises(SpecError):
            refused()
    assert host.leftovers("exp-1") == (f"lease on {host.name}",)
