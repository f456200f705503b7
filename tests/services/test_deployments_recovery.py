"""What a lost driver or a silent host left is brought to its end; twice is once, and who lives is left alone."""

import pytest

from phoenix.adapters.ports import CollectorLaunch
from phoenix.domain.deployment import RevisionState
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.services.deployments.holding import LEASE_LIFETIME
from tests.support.clocks import START
from tests.support.fleets import ME, OTHER, Fleet

SCRAPED = {"exporters": '{prometheus: {endpoint: "127.0.0.1:9464"}}'}
FAILED, ACTIVE = RevisionState.FAILED, RevisionState.ACTIVE


class Death(BaseException):
    """The driver's process ends here: nothing of it runs any more."""


def die(fleet, verb: str, *, side: str, count: int = 1, of: str = "host") -> None:
    """Let the next deployment's driver die before or after the count-th call of a verb."""
    hooked = fleet.hosts["local"] if of == "host" else fleet.store
    left = [count]

    def hook(called, _arguments):
        if called == verb:
            left[0] -= 1
            if left[0] == 0:
                bury(fleet)

    setattr(hooked, side, hook)


def bury(fleet) -> None:
    """From here on whatever the driver still asks for is not done."""

    def nothing(*_):
        raise Death

    for hooked in (fleet.hosts["local"], fleet.store):
        hooked.before = nothing
    fleet.living.discard(ME)
    raise Death


def deploy_and_die(fleet, **options) -> None:
    with pytest.raises(Death):
        fleet.deploy(**options)
    fleet.mend()
    fleet.store.before = fleet.store.after = lambda *_: None


def assert_settled(fleet, number: int) -> None:
    assert fleet.running() == [f"revision-{number}"]
    assert fleet.host.active().place == f"revision-{number}"
    assert fleet.active().number == number
    assert fleet.ledger.pending() == fleet.ledger.owed() == ()
    assert fleet.host.lease() is None
    for revision in fleet.ledger.history("local"):
        assert fleet.host.leftovers(revision.owner) == ()
    before = (list(fleet.host.deeds), fleet.ledger.history("local"))
    assert fleet.recovery.recover() == ()
    assert (fleet.host.deeds, fleet.ledger.history("local")) == before


STEPS = [
    ("begin", "after", 1, "ledger", FAILED),
    ("start_collector", "before", 1, "host", FAILED),
    ("start_collector", "after", 1, "host", FAILED),
    ("fetch", "before", 1, "host", FAILED),
    ("activate", "before", 1, "host", FAILED),
    ("activate", "after", 1, "host", ACTIVE),
    ("retire", "after", 1, "host", ACTIVE),
    ("activate", "before", 1, "ledger", ACTIVE),
]


@pytest.mark.parametrize(
    ("verb", "side", "count", "of", "end", "has_previous"),
    [(*step, True) for step in STEPS] + [(*step, False) for step in STEPS if step[0] != "retire"],
)
def test_a_deployment_whose_driver_died_ends_as_the_host_proves(
    fleet, verb, side, count, of, end, has_previous
):
    if has_previous:
        fleet.deploy(k=1)
    number = 2 if has_previous else 1
    die(fleet, verb, side=side, count=count, of=of)
    deploy_and_die(fleet, k=2)
    (repair,) = fleet.recovery.recover(everywhere=False)
    assert (repair.revision, repair.ended, repair.failed) == (number, end, False)
    if end is ACTIVE or has_previous:
        assert_settled(fleet, number if end is ACTIVE else 1)
    else:
        assert fleet.running() == []
        assert fleet.host.active() is None
        assert fleet.active() is None


CONTENDED = [
    ("start_collector", "after", 1, FAILED),
    ("retire", "after", 1, FAILED),
    ("start_collector", "before", 2, FAILED),
    ("start_collector", "after", 2, FAILED),
    ("activate", "after", 1, ACTIVE),
]


@pytest.mark.parametrize(("verb", "side", "count", "end"), CONTENDED)
def test_a_port_that_was_being_handed_over_is_one_servers_in_the_end(fleet, verb, side, count, end):
    fleet.deploy(k=1, settings=SCRAPED)
    die(fleet, verb, side=side, count=count)
    deploy_and_die(fleet, k=2, settings=SCRAPED)
    (repair,) = fleet.recovery.recover()
    assert repair.ended is end
    assert_settled(fleet, 2 if end is ACTIVE else 1)


def test_one_who_died_before_giving_the_host_back_leaves_nothing_either(fleet):
    fleet.deploy(k=1)
    die(fleet, "clear", side="before")
    deploy_and_die(fleet, k=2)
    assert fleet.recovery.recover(everywhere=False) == ()
    assert fleet.recovery.recover()[0].words.endswith(" left was cleaned up")
    assert_settled(fleet, 2)


def test_a_rollback_whose_driver_died_ends_the_same_way(fleet):
    for k in (1, 2):
        fleet.deploy(k=k)
    die(fleet, "activate", side="after")
    with pytest.raises(Death):
        fleet.verbs.roll_back(["local"])
    fleet.mend()
    fleet.store.before = lambda *_: None
    assert fleet.recovery.recover()[0].ended is ACTIVE
    assert_settled(fleet, 3)
    assert fleet.active().config == fleet.ledger.get("local", 1).config


def test_what_has_a_living_driver_is_left_alone(fleet):
    fleet.deploy(k=1)
    die(fleet, "activate", side="before")
    deploy_and_die(fleet, k=2)
    fleet.living.add(ME)
    assert fleet.recovery.recover() == ()
    assert [one.number for one in fleet.ledger.pending()] == [2]
    assert fleet.running() == ["revision-1", "revision-2"]


def test_a_driver_on_another_machine_lives_for_as_long_as_its_lease(fleet):
    fleet.deploy(k=1)
    die(fleet, "activate", side="before")
    deploy_and_die(fleet, k=2)
    fleet.recovery._lives = lambda _driver: None
    assert fleet.recovery.recover() == ()
    fleet.host.release(fleet.ledger.pending()[0].owner)
    assert fleet.recovery.recover()[0].ended is FAILED
    assert_settled(fleet, 1)


def test_only_one_of_two_who_recover_at_once_does_it(fleet):
    fleet.deploy(k=1)
    die(fleet, "activate", side="before")
    deploy_and_die(fleet, k=2)
    fleet.store.before = lambda verb, arguments: (
        fleet.ledger.claim("local", 2, OTHER, instead_of=ME) if verb == "claim" else None
    )
    (repair,) = fleet.recovery.recover(everywhere=False)
    assert (repair.ended, repair.failed) == (None, False)
    assert fleet.running() == ["revision-1", "revision-2"]


def test_who_recovers_too_late_leaves_the_other_ones_lease_alone(fleet):
    fleet.deploy(k=1)
    die(fleet, "activate", side="before")
    deploy_and_die(fleet, k=2)
    owner = fleet.ledger.pending()[0].owner

    def the_other_is_first(verb, _arguments):
        if verb == "claim":
            fleet.ledger.claim("local", 2, OTHER, instead_of=ME)
            fleet.host.acquire(owner, LEASE_LIFETIME)

    fleet.store.before = the_other_is_first
    fleet.recovery.recover(everywhere=False)
    assert fleet.host.lease().holder == owner


def test_what_serves_is_not_looked_after_while_a_driver_changes_it(fleet):
    fleet.deploy(k=1)
    die(fleet, "retire", side="before")
    deploy_and_die(fleet, k=2)
    fleet.living.add(ME)
    asked = []
    fleet.hosts["local"].before = lambda verb, _arguments: asked.append(verb)
    assert fleet.recovery.recover() == ()
    assert asked == []


def test_what_an_unfinished_experiment_promotes_is_its_own_to_settle(fleet):
    fleet.deploy(k=1)
    die(fleet, "activate", side="before")
    deploy_and_die(fleet, k=2)
    owner = fleet.ledger.pending()[0].owner
    record = ExperimentRecord(owner, "x", {}, Phase.PROMOTING, Outcome.NONE, START)
    fleet.experiments.create(record)
    assert fleet.recovery.recover() == ()


def test_a_silent_host_is_kept_on_the_list_until_it_answers(fleet):
    fleet.deploy(k=1)
    fleet.silence(after="activate")
    fleet.deploy(k=2)
    assert fleet.recovery.recover()[0].failed
    assert fleet.recovery.recover(everywhere=False)[0].failed
    (owed,) = fleet.ledger.owed()
    assert owed.why == "the host does not answer"
    fleet.mend()
    assert fleet.recovery.recover(everywhere=False)[0].ended is ACTIVE
    assert_settled(fleet, 2)


def test_what_an_experiment_owes_is_cleaned_up_when_the_host_answers(fleet):
    lease = fleet.host.acquire("exp-12345678", LEASE_LIFETIME)
    fleet.host.start_collector(
        "candidate", CollectorLaunch("exp-12345678", "p", "v", "a: 1", LEASE_LIFETIME), lease
    )
    fleet.ledger.owe("local", "exp-12345678", "no route")
    (repair,) = fleet.recovery.recover(everywhere=False)
    assert (repair.name, repair.failed) == ("exp-12345678", False)
    assert fleet.host.leftovers("exp-12345678") == ()
    assert fleet.ledger.owed() == ()


def test_recovery_at_the_start_of_a_command_asks_no_host_that_needs_nothing():
    fleet = Fleet("local://a", "local://b")
    fleet.deploy(k=1)
    fleet.ledger.owe("local://a", "exp-12345678", "no route")
    asked = []
    fleet.hosts["local://b"].before = lambda verb, _arguments: asked.append(verb)
    fleet.recovery.recover(everywhere=False)
    assert asked == []


def test_what_should_serve_and_died_is_started_again(fleet):
    fleet.deploy(k=1)
    fleet.host.kill("revision-1", "ended when the host was rebooted")
    assert fleet.recovery.recover(everywhere=False) == ()
    (repair,) = fleet.recovery.recover()
    assert (repair.ended, "rebooted" in repair.words) == (ACTIVE, True)
    assert_settled(fleet, 1)


def test_what_died_under_an_experiment_is_that_experiments(fleet):
    fleet.deploy(k=1)
    fleet.host.kill("revision-1")
    fleet.host.acquire("exp-12345678", LEASE_LIFETIME)
    (repair,) = fleet.recovery.recover()
    assert (repair.ended, repair.failed) == (None, False)
    assert fleet.host.exit_reason("revision-1") is not None


def test_drift_is_told_and_left_to_a_person(fleet):
    fleet.deploy(k=1)
    fleet.host.activate(None, fleet.host.acquire("somebody", LEASE_LIFETIME))
    fleet.host.release("somebody")
    (repair,) = fleet.recovery.recover()
    assert "rollback --to 1 repairs it" in repair.words
    assert (repair.ended, repair.failed) == (None, False)


def test_one_host_that_fails_does_not_stand_in_the_way_of_the_others():
    fleet = Fleet("local://a", "local://b")
    fleet.deploy(k=1)
    for fake in fleet.fakes.values():
        fake.kill("revision-1")
    fleet.silence("local://a")
    told = {one.host: one for one in fleet.recovery.recover()}
    assert (told["local://a"].failed, told["local://b"].ended) == (True, ACTIVE)


def test_a_lost_one_under_somebody_elses_lease_is_cleaned_up_beside_it(fleet):
    fleet.deploy(k=1)
    die(fleet, "activate", side="before")
    deploy_and_die(fleet, k=2)
    fleet.host.release(fleet.ledger.pending()[0].owner)
    fleet.host.acquire("exp-12345678", LEASE_LIFETIME)
    (repair,) = fleet.recovery.recover(everywhere=False)
    assert repair.ended is FAILED
    assert fleet.running() == ["revision-1"]
    assert fleet.host.lease().holder == "exp-12345678"
