"""What the drift check says of each host, and what it does not call drift."""

import pytest

from phoenix.services.deployments.drift_check import DriftCheck, DriftKind
from phoenix.services.deployments.holding import LEASE_LIFETIME
from tests.support.fleets import Fleet

HOSTS = ("local://a", "local://b", "local://c")


@pytest.fixture
def fleet(monkeypatch) -> Fleet:
    fleet = Fleet(*HOSTS)
    fleet.deploy(k=1, name="web")
    return fleet


def check(fleet: Fleet) -> DriftCheck:
    return DriftCheck(fleet.store, fleet.open)


def found(fleet: Fleet, *targets: str) -> dict[str, DriftKind | None]:
    return {one.host: one.kind for one in check(fleet).look(targets)}


def test_what_is_as_recorded_is_no_drift(fleet):
    assert found(fleet) == dict.fromkeys(HOSTS)
    (one, *_) = check(fleet).look()
    assert (one.name, one.pipeline, one.revision, one.words) == ("web", "process-topk-v1", 1, "")


def test_each_kind_of_drift_is_told_by_host(fleet):
    fleet.fakes["local://a"].kill("revision-1", "exited with code 1\npanic: no")
    host = fleet.fakes["local://b"]
    host.activate(None, host.acquire("somebody", LEASE_LIFETIME))
    fleet.silence("local://c")
    assert found(fleet) == {
        "local://a": DriftKind.DEAD,
        "local://b": DriftKind.NOTHING_ACTIVE,
        "local://c": DriftKind.UNREACHABLE,
    }
    dead, gone, silent = check(fleet).look()
    assert dead.words == "its process does not run; the collector in revision-1 exited with code 1"
    assert gone.words == "nothing is active where the ledger has revision 1"
    assert silent.words == "the host does not answer"


def test_another_pipeline_than_the_recorded_one_is_drift(fleet):
    theirs = Fleet("local://a")
    theirs.hosts = fleet.hosts
    theirs.deploy("local://a", k=2)
    assert found(fleet, "local://a") == {"local://a": DriftKind.OTHER_PIPELINE}


def test_an_edited_configuration_is_drift(fleet, monkeypatch):
    host = fleet.fakes["local://b"]
    edited = host.config("revision-1") + "\n# by hand\n"
    monkeypatch.setattr(host, "config", lambda _place: edited)
    assert found(fleet)["local://b"] is DriftKind.CONFIG_CHANGED


def test_a_host_where_nothing_was_deployed_is_looked_at_where_it_is_named():
    fleet = Fleet("local://a")
    assert check(fleet).look() == ()
    (one,) = check(fleet).look(["local://a"])
    assert (one.kind, one.pipeline) == (None, None)


def test_a_switch_between_ledger_and_host_is_no_drift(fleet):
    deployed = []

    def deploy_meanwhile(verb, _arguments):
        if verb == "active" and not deployed:
            deployed.append(True)
            fleet.hosts["local://a"].before = lambda _verb, _arguments: None
            fleet.deploy("local://a", k=2, name="web")

    fleet.hosts["local://a"].before = deploy_meanwhile
    assert found(fleet, "local://a") == {"local://a": None}
    assert deployed


def test_a_host_that_somebody_deploys_to_is_left_out(fleet):
    looked = []

    def look_meanwhile(verb, _arguments):
        if verb == "start_collector":
            looked.extend(check(fleet).look(["local://a"]))

    fleet.hosts["local://a"].before = look_meanwhile
    fleet.deploy("local://a", k=2, name="web")
    (one,) = looked
    assert (one.kind, one.is_busy) == (None, True)


def test_looking_changes_nothing(fleet):
    fleet.fakes["local://a"].kill("revision-1", "exited with code 1")
    before = fleet.ledger.history("local://a"), fleet.running("local://a")
    verbs = []
    fleet.hosts["local://a"].before = lambda verb, _arguments: verbs.append(verb)
    check(fleet).look()
    assert (fleet.ledger.history("local://a"), fleet.running("local://a")) == before
    assert set(verbs) <= {"active", "config", "exit_reason"}
