"""Deployments on many hosts: who is begun, who is not, going back, and taking everything off."""

import threading
import time
from datetime import timedelta

import pytest

from phoenix.domain.deployment import RevisionState
from phoenix.domain.errors import SpecError, StateError
from phoenix.services import handover
from phoenix.services.deployments import holding
from phoenix.services.deployments.deleting import DELETION
from phoenix.services.deployments.holding import LEASE_LIFETIME, StoppedError
from tests.support.fleets import Fleet, launches_of, pipeline, silence
from tests.support.waiting import eventually

FIVE = tuple(f"local://h{number}" for number in range(5))


def outcomes(ended) -> dict[str, str]:
    return {
        one.target: "failed" if one.fault else ("deployed" if one.is_begun else "not begun") for one in ended
    }


def states(fleet, target: str = "local") -> dict[int, str]:
    return {one.number: one.state.value for one in reversed(fleet.ledger.history(target))}


def result_of(ended):
    (one,) = ended
    assert one.fault is None, one.fault
    return one.result


def fault_of(ended):
    (one,) = ended
    return one.fault


def test_the_results_come_in_the_order_of_the_hosts():
    fleet = Fleet(*FIVE)
    told = []
    ended = fleet.deploy(*reversed(FIVE), on_end=lambda one: told.append(one.target))
    assert [one.target for one in ended] == list(reversed(FIVE))
    assert sorted(told) == sorted(FIVE)
    assert [one.host for one in fleet.ledger.active()] == list(FIVE)


def test_one_that_fails_stops_the_rest_where_that_is_asked_for():
    fleet = Fleet(*FIVE)
    fleet.silence(FIVE[1])
    ended = fleet.deploy(concurrency=1)
    assert list(outcomes(ended).values()) == ["deployed", "failed", "not begun", "not begun", "not begun"]
    assert fleet.ledger.hosts() == (FIVE[0],)
    assert all(fleet.fakes[target].deeds == [] for target in FIVE[2:])


def test_one_that_fails_is_skipped_where_that_is_asked_for():
    fleet = Fleet(*FIVE)
    fleet.silence(FIVE[1])
    ended = fleet.deploy(keep_going=True, concurrency=2)
    assert [target for target, word in outcomes(ended).items() if word == "deployed"] == [FIVE[0], *FIVE[2:]]
    assert outcomes(ended)[FIVE[1]] == "failed"


def test_a_variable_that_is_not_set_is_refused_before_any_host_is_touched(monkeypatch):
    fleet = Fleet(*FIVE)
    monkeypatch.delenv("API_KEY", raising=False)
    headers = '{otlp_http: {endpoint: "https://x.example", headers: {api-key: "${env:API_KEY}"}}}'
    with pytest.raises(StateError) as refusal:
        fleet.deploy(settings={"exporters": headers})
    assert refusal.value.code == "environment_missing"
    assert all(fake.deeds == [] for fake in fleet.fakes.values())
    assert fleet.ledger.hosts() == ()


@pytest.mark.parametrize("name", ["../x", "a b", "-x", "x\n", "$(id)", "a/b", "x" * 65])
def test_names_as_an_attacker_writes_them_are_refused_before_anything_starts(fleet, name):
    with pytest.raises(SpecError):
        fleet.deploy(name=name)
    assert fleet.host.deeds == []


def test_one_that_is_stopped_gives_back_what_served(fleet, monkeypatch):
    result_of(fleet.deploy(k=1))
    stop = threading.Event()

    def empty(running, kind):
        stop.set()
        return b""

    fleet.host.answers = empty
    monkeypatch.setattr(handover, "DATA_FLOW_PATIENCE", timedelta(minutes=1))
    ended = fleet.deploy(k=2, stop=stop)
    assert isinstance(fault_of(ended), StoppedError)
    assert fleet.running() == ["revision-1"]
    assert states(fleet) == {1: "active", 2: "failed"}


def test_a_lease_is_kept_for_as_long_as_it_takes(fleet, monkeypatch):
    monkeypatch.setattr(holding, "RENEWALS", 24_000)  # every 5 ms
    renewed = threading.Event()

    def before(verb, _arguments):
        if verb == "renew":
            renewed.set()
        if verb == "activate":
            assert renewed.wait(10)

    fleet.hosts["local"].before = before
    result_of(fleet.deploy())
    before_end = len(threading.enumerate())
    eventually(
        lambda: not any(t.name.startswith("lease-") for t in threading.enumerate()), what=f"{before_end}"
    )


@pytest.mark.parametrize("latency", [0.05, pytest.param(0.5, marks=pytest.mark.soak)])
def test_sixteen_at_once_take_a_tenth_of_the_time(latency):
    slow = Fleet(*(f"local://h{number}" for number in range(50)))
    for host in slow.hosts.values():
        host.before = lambda _verb, _arguments: time.sleep(latency)
    began = time.monotonic()
    assert set(outcomes(slow.deploy(*list(slow.fakes)[:2], concurrency=1)).values()) == {"deployed"}
    one_by_one = (time.monotonic() - began) / 2
    began = time.monotonic()
    assert set(outcomes(slow.deploy(*list(slow.fakes)[2:])).values()) == {"deployed"}
    assert time.monotonic() - began <= 0.1 * 48 * one_by_one


def test_going_back_is_going_to_what_served_before(fleet):
    for k in (1, 2):
        result_of(fleet.deploy(k=k))
    back = result_of(fleet.verbs.roll_back(["local"]))
    assert (back.revision, back.to, back.previous) == (3, 1, 2)
    assert fleet.active().config == fleet.ledger.get("local", 1).config
    assert (fleet.active().reason, fleet.active().by) == ("rollback to 1", "ops@laptop")
    assert fleet.running() == ["revision-3"]
    forth = result_of(fleet.verbs.roll_back(["local"]))
    assert (forth.to, fleet.active().config) == (2, fleet.ledger.get("local", 2).config)


def test_going_back_to_a_number_takes_any_that_the_ledger_knows(fleet):
    for k in (1, 2, 3, 4, 5, 6):
        result_of(fleet.deploy(k=k))
    assert result_of(fleet.verbs.roll_back(["local"], to=1)).revision == 7
    assert fleet.active().parameters["k"] == 1


def test_going_back_uses_the_variables_that_the_host_keeps(fleet):
    for k in (1, 2):
        result_of(fleet.deploy(k=k))
    launches = launches_of(fleet.hosts["local"])
    result_of(fleet.verbs.roll_back(["local"]))
    result_of(fleet.verbs.roll_back(["local"], to=1))
    fleet.host.stop_collector("revision-2")
    result_of(fleet.verbs.roll_back(["local"], to=2))
    assert [one.environment_of for one in launches] == ["revision-1", "revision-1", "revision-4"]


def test_going_back_to_what_serves_repairs_it(fleet):
    result_of(fleet.deploy(k=1))
    fleet.host._places["revision-1"].config = "edited: true"
    fleet.host.kill("revision-1")
    assert fleet.verbs.look("local").drift == (
        "its configuration was edited on the host",
        "its process does not run",
    )
    back = result_of(fleet.verbs.roll_back(["local"], to=1))
    assert (back.revision, back.to) == (2, 1)
    assert fleet.verbs.look("local").drift == ()
    assert fleet.running() == ["revision-2"]


def test_going_back_when_nothing_served_before_is_refused(fleet):
    result_of(fleet.deploy(k=1))
    fault = fault_of(fleet.verbs.roll_back(["local"]))
    assert fault.code == "no_previous_revision"
    assert fleet.running() == ["revision-1"]
    assert fleet.host.lease() is None


def test_going_back_to_an_unknown_number_names_the_known_ones(fleet):
    result_of(fleet.deploy(k=1))
    fault = fault_of(fleet.verbs.roll_back(["local"], to=9))
    assert (fault.code, "It has 1." in fault.hint) == ("unknown_revision", True)
    assert fleet.host.lease() is None


def test_a_host_that_this_ledger_does_not_know_can_go_back_by_what_it_keeps(fleet):
    for k in (1, 2):
        result_of(fleet.deploy(k=k))
    config = fleet.ledger.get("local", 1).config
    fleet.ledger.forget("local")
    back = result_of(fleet.verbs.roll_back(["local"]))
    assert (back.to, fleet.active().config) == (1, config)


def test_deleting_leaves_nothing_that_serves(fleet):
    for k in (1, 2, 3):
        result_of(fleet.deploy(k=k))
    fleet.fail("start_collector")
    fault_of(fleet.deploy(k=4))
    fleet.mend()
    fleet.recovery.recover()
    gone = result_of(fleet.verbs.delete(["local"]))
    assert (gone.active, gone.revisions) == (3, (1, 2, 3))
    assert fleet.host.active() is None
    assert fleet.host.revisions() == ()
    assert fleet.host.lease() is None
    assert states(fleet) == {1: "removed", 2: "removed", 3: "removed", 4: "failed"}
    assert fleet.ledger.owed() == ()
    again = result_of(fleet.verbs.delete(["local"]))
    assert (again.active, again.revisions) == (None, ())


def test_deleting_where_an_experiment_runs_is_refused(fleet):
    result_of(fleet.deploy(k=1))
    fleet.host.acquire("exp-12345678", LEASE_LIFETIME)
    assert fault_of(fleet.verbs.delete(["local"])).code == "host_taken"
    assert fleet.running() == ["revision-1"]
    assert fleet.ledger.owed() == ()


@pytest.mark.parametrize("after", ["acquire", "activate", "stop_collector"])
def test_a_deletion_that_was_begun_is_finished_by_recovery(fleet, after):
    for k in (1, 2):
        result_of(fleet.deploy(k=k))
    fleet.silence(after=after)
    assert fault_of(fleet.verbs.delete(["local"])).code == "unreachable"
    assert [one.owner for one in fleet.ledger.owed()] == [DELETION]
    assert fleet.recovery.recover()[0].failed
    assert [(one.owner, one.why) for one in fleet.ledger.owed()] == [(DELETION, "ops@laptop deleted it")]
    fleet.mend()
    (repair,) = fleet.recovery.recover(everywhere=False)
    assert repair.ended is RevisionState.REMOVED
    assert fleet.host.revisions() == ()
    assert states(fleet) == {1: "removed", 2: "removed"}
    assert fleet.recovery.recover() == ()


def test_a_deletion_that_is_finished_late_spares_what_others_brought_there_since(fleet):
    result_of(fleet.deploy(k=1))
    fleet.silence(after="acquire")
    fault_of(fleet.verbs.delete(["local"]))
    fleet.mend()
    theirs = Fleet()
    theirs.hosts = fleet.hosts
    fleet.host.release(DELETION)
    result_of(theirs.deploy("local", k=7))
    fleet.recovery.recover()
    assert fleet.running() == ["revision-2"]
    assert fleet.host.active().place == "revision-2"
    assert states(fleet) == {1: "removed"}


def test_a_deployment_after_an_unfinished_deletion_is_not_hit_by_it(fleet):
    result_of(fleet.deploy(k=1))
    fleet.silence(after="activate")
    fault_of(fleet.verbs.delete(["local"]))
    fleet.mend()
    result_of(fleet.deploy(k=2))
    fleet.recovery.recover()
    assert fleet.running() == ["revision-2"]
    assert states(fleet) == {1: "removed", 2: "active"}


def test_a_host_that_is_gone_for_ever_is_struck_from_the_ledger(fleet):
    result_of(fleet.deploy(k=1))
    fleet.silence(after="activate")
    fault_of(fleet.deploy(k=2))
    fleet.verbs.forget(["local"])
    assert fleet.ledger.hosts() == fleet.ledger.owed() == ()
    assert fleet.recovery.recover() == ()
    with pytest.raises(StateError):
        fleet.verbs.forget(["local"])


def test_deployments_are_listed_by_name_pipeline_and_version():
    fleet = Fleet(*FIVE)
    fleet.deploy(*FIVE[:3], k=1, name="web")
    fleet.deploy(*FIVE[3:], k=2, name="web")
    found = fleet.verbs.list()
    assert [(one.name, one.hosts) for one in found if one.hosts == FIVE[:3]] == [("web", FIVE[:3])]
    assert {one.version for one in found} == {pipeline(k=k).own.version for k in "12"}
    assert all(one.since is not None for one in found)


def test_two_revisions_are_compared_by_their_numbers_or_as_they_followed(fleet):
    for k in (1, 2, 3):
        result_of(fleet.deploy(k=k))
    assert "-    k: 2\n+    k: 3" in fleet.verbs.diff("local")
    assert "-    k: 1\n+    k: 3" in fleet.verbs.diff("local", 1, 3)
    assert fleet.verbs.diff("local", 2, 2) == ""
    with pytest.raises(StateError):
        fleet.verbs.diff("local", 1, 9)


def test_the_first_revision_has_nothing_to_be_compared_with(fleet):
    result_of(fleet.deploy())
    with pytest.raises(StateError) as refusal:
        fleet.verbs.diff("local")
    assert refusal.value.code == "no_previous_revision"


def test_a_host_without_deployments_is_told_as_such(fleet):
    for verb in (fleet.verbs.look, fleet.verbs.history, fleet.verbs.diff):
        with pytest.raises(StateError) as refusal:
            verb("local")
        assert refusal.value.code == "nothing_deployed"


def test_another_control_planes_pipeline_is_drift(fleet):
    theirs = Fleet()
    theirs.hosts = fleet.hosts
    result_of(fleet.deploy(k=1))
    result_of(theirs.deploy("local", k=2))
    seen = fleet.verbs.look("local")
    assert seen.drift == (
        "revision 2 serves where the ledger has revision 1",
        f"it is of {theirs.active().owner}, which this ledger does not know",
    )
    unknown = Fleet()
    unknown.hosts = fleet.hosts
    assert unknown.verbs.look("local").drift[0] == "revision 2 serves where the ledger has none"


def test_an_edited_configuration_is_shown_as_a_difference(fleet):
    result_of(fleet.deploy(k=1))
    fleet.host._places["revision-1"].config = fleet.active().config.replace("k: 1", "k: 100")
    seen = fleet.verbs.look("local")
    assert "-    k: 1\n+    k: 100" in seen.edit
    assert seen.config == fleet.host.config("revision-1")


def test_a_link_that_somebody_removed_is_drift(fleet):
    result_of(fleet.deploy(k=1))
    fleet.host.activate(None, fleet.host.acquire("somebody", LEASE_LIFETIME))
    assert fleet.verbs.look("local").drift == ("nothing is active where the ledger has revision 1",)


def test_a_silent_host_raises_where_one_is_asked_for(fleet):
    fleet.silence()
    with pytest.raises(type(silence())):
        fleet.verbs.look("local")
