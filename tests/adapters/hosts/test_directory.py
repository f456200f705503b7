"""Targets of this machine, by name."""

from datetime import timedelta
from pathlib import Path

import pytest

from phoenix.adapters.hosts.directory import Hosts
from phoenix.adapters.ports import HostDirectory
from phoenix.domain.errors import SpecError


def unneeded() -> Path:
    raise AssertionError("nobody asked for the collector")


@pytest.fixture
def hosts(tmp_path: Path) -> HostDirectory:
    return Hosts(tmp_path / "hosts", unneeded, lambda: tmp_path / "agent.pyz", tmp_path / "ssh_config")


@pytest.mark.parametrize("target", ["local", "local://web-1", "local://local"])
def test_a_local_target_is_opened_without_touching_anything(hosts, target, tmp_path):
    hosts.check(target)
    host = hosts.open(target)
    assert host.name == target
    assert host.lease() is None
    assert host.active() is None
    assert host.leftovers("exp-1") == ()
    host.clear("exp-1")
    assert host.stop_collector("baseline") == ""
    assert not (tmp_path / "hosts").exists()


def test_hosts_of_different_names_share_nothing(hosts):
    for target in ("local", "local://local", "local://a", "local://A"):
        assert hosts.open(target).acquire("exp-1", timedelta(minutes=1)).fence == 1


@pytest.mark.parametrize(
    "target",
    [
        "",
        "locale",
        "local:",
        "local://",
        "local://../x",
        "local://a/b",
        "local://a\n",
        "local://-o",
    ],
)
def test_other_targets_are_refused(hosts, target):
    with pytest.raises(SpecError):
        hosts.check(target)
    with pytest.raises(SpecError):
        hosts.open(target)
