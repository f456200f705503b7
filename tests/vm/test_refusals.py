"""Hosts that cannot be deployed to: the reason in one line, exit code 4, and what served goes on serving.

And two that can, though something is missing there: exit code 0, and a notice.
"""

import json

import pytest

from tests.support.experiments import phoenix, write_spec
from tests.vm.conftest import serving

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

BASELINE = "process-baseline-v1"
OTHER = ("process-topk-v1", "--set", "scrape_interval=1s")


@pytest.fixture
def control(home, monkeypatch, vm_hosts):
    """A control plane that knows the hosts as the OpenSSH configuration tells it."""
    monkeypatch.setenv("PHOENIX_SSH_CONFIG", str(vm_hosts.config))
    return vm_hosts


def deploy(target: str, *pipeline: str):
    return phoenix("pipeline", "deploy", *(pipeline or (BASELINE,)), "--target-host", target, "-o", "json")


def served(host) -> dict[int, str]:
    done = deploy(host.uri, BASELINE, "--set", "scrape_interval=1s")
    assert done.code == 0, done.err
    found = serving(host)
    assert list(found.values()) == ["revision-1"]
    return found


def assert_refused(done, *words: str) -> None:
    assert done.code == 4, (done.out, done.err)
    said = [line for line in done.err.splitlines() if all(word in line for word in words)]
    assert said, done.err
    assert "Traceback" not in done.err


def test_an_unknown_host_key_is_refused_before_any_command(control, tmp_path, monkeypatch):
    host = control.shared("web-1")
    before = serving(host)
    (tmp_path / "known_hosts").touch()
    config = control.configuration("strangers", known_hosts=tmp_path / "known_hosts")
    monkeypatch.setenv("PHOENIX_SSH_CONFIG", str(config))
    refused = deploy(host.uri)
    assert_refused(refused, "host key")
    assert "SHA256:" in refused.err
    assert "accept it once" in refused.err
    assert serving(host) == before


def test_a_changed_host_key_is_refused_and_what_serves_is_untouched(control):
    host = control.fresh()
    before = served(host)
    host.change_host_key()
    assert_refused(deploy(host.uri, *OTHER), "host key")
    assert serving(host) == before


def test_a_host_without_a_route_is_given_up_in_seconds(control):
    host = control.fresh()
    before = served(host)
    host.cut_network()
    assert_refused(deploy(host.uri, *OTHER), host.address)
    host.restore_network()
    assert serving(host) == before


@pytest.mark.parametrize("user", ["nosuch", "plain"])
def test_a_user_that_may_not_log_in_or_not_be_root_is_told(control, user):
    host = control.shared("web-1")
    before = serving(host)
    target = host.uri_as(user) + ("?sudo=true" if user == "plain" else "")
    assert_refused(deploy(target), "ssh://")
    assert serving(host) == before


def test_a_full_disk_is_told_and_what_serves_is_untouched(control):
    host = control.fresh(disk_mib=160)
    before = served(host)
    host.run("sh", "-c", "dd if=/dev/zero of=/var/lib/phoenix/filler bs=64k; true")
    assert_refused(deploy(host.uri, *OTHER), "No space left on device")
    assert serving(host) == before
    host.run("rm", "/var/lib/phoenix/filler")
    assert deploy(host.uri, *OTHER).code == 0


def test_a_disk_without_room_for_the_collector_is_told(control):
    host = control.fresh(disk_mib=16)
    assert_refused(deploy(host.uri), "No space left on device")
    left = host.run("find", "/var/lib/phoenix", "-name", "*otelcol*").stdout
    assert left == ""


def test_a_machine_of_another_kind_is_told_before_anything_travels(control):
    host = control.fresh(machine="aarch64")
    assert_refused(deploy(host.uri), "aarch64")
    assert host.run("find", "/var/lib/phoenix", "-name", "*otelcol*").stdout == ""


def test_a_host_without_systemd_serves_with_a_notice(control):
    host = control.fresh(systemd=False)
    done = deploy(host.uri)
    assert done.code == 0, done.err
    assert "no systemd" in done.err
    assert list(serving(host).values()) == ["revision-1"]
    assert phoenix("pipeline", "delete", "--target-host", host.uri, "--yes").code == 0
    assert serving(host) == {}


def test_a_host_without_python_serves_with_a_notice_and_runs_no_experiment(control, tmp_path, prefect_server):
    host = control.fresh(python=False)
    done = deploy(host.uri)
    assert done.code == 0, done.err
    assert "no Python" in done.err
    before = serving(host)
    refused = phoenix("experiment", "run", "-f", write_spec(tmp_path, targets=[host.uri]), "-o", "json")
    assert refused.code == 4, refused.err
    assert "Python" in json.loads(refused.out)["error"]
    assert serving(host) == before
