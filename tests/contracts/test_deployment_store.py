"""The contract of `DeploymentStore`, over the fake and over the real one on each database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone
from itertools import product

import pytest
from sqlalchemy import Engine

from phoenix.adapters.store.deployments import SqlDeploymentStore
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.deployment import Owed, RevisionState
from phoenix.domain.errors import StateError
from phoenix.domain.record import Driver
from tests.fakes.deployments import FakeDeploymentStore
from tests.support.clocks import START, Clock
from tests.support.revisions import (
    ACTIVE,
    FAILED,
    HOST,
    PENDING,
    REMOVED,
    REPLACED,
    a_revision,
    bring,
    later,
    states,
)

FIRST, SECOND = Driver("boot-1", 1, 10), Driver("boot-1", 4_194_304, 2**40)


@pytest.fixture
def store(database: Engine | None, clock: Clock) -> DeploymentStore:
    return FakeDeploymentStore(now=clock) if database is None else SqlDeploymentStore(database, now=clock)


def test_a_new_revision_comes_back_as_it_was(store: DeploymentStore):
    revision = a_revision(
        7,
        config="name: é\t'${env:LICENSE_KEY}'\r\n" * 1000,
        parameters={"z": 1, "k": 20, "deep": {"pi": 0.1 + 0.2, "none": None}, "critical": ["^nginx$"]},
        variables=("LICENSE_KEY", "ENDPOINT"),
        previous=6,
        driver=SECOND,
        reason="rollback to 3",
    )
    store.begin(revision)
    assert store.get(HOST, 7) == revision
    assert list(store.get(HOST, 7).parameters) == ["z", "k", "deep", "critical"]


def test_moments_come_back_in_utc_and_need_a_zone(store: DeploymentStore):
    east = timezone(timedelta(hours=5))
    store.begin(a_revision(created_at=START.astimezone(east)))
    store.activate(HOST, 1, later(9).astimezone(east))
    kept = store.get(HOST, 1)
    assert (kept.created_at, kept.activated_at) == (START, later(9))
    assert kept.created_at.utcoffset() == kept.activated_at.utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="time zone"):
        store.begin(a_revision(2, created_at=START.replace(tzinfo=None)))
    with pytest.raises(ValueError, match="time zone"):
        store.activate(HOST, 1, START.replace(tzinfo=None))


@pytest.mark.parametrize("key", ["host", "owner", "name", "config", "digest", "version", "pipeline"])
@pytest.mark.parametrize("text", ["a\x00b", "a\udcffb"])
def test_what_would_come_back_otherwise_is_refused(store: DeploymentStore, key: str, text: str):
    with pytest.raises(ValueError, match="as it is"):
        store.begin(a_revision(**{key: text}))
    assert store.hosts() == ()


def test_any_reason_of_a_failure_can_be_kept(store: DeploymentStore):
    store.begin(a_revision(reason="odd \x00", by="\udcff@laptop"))
    store.fail(HOST, 1, "died: \udcff\x00")
    kept = store.get(HOST, 1)
    assert (kept.error, kept.reason, kept.by) == ("died: \\udcff\\x00", "odd \\x00", "\\udcff@laptop")


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_parameters_that_json_cannot_hold_are_refused(store: DeploymentStore, value: object):
    with pytest.raises((TypeError, ValueError)):
        store.begin(a_revision(parameters={"k": value}))
    assert store.history(HOST) == ()


@pytest.mark.parametrize("state", RevisionState)
def test_a_number_is_given_once_for_each_host(store: DeploymentStore, state: RevisionState):
    bring(store, 1, state)
    with pytest.raises(StateError) as caught:
        store.begin(a_revision(1, name="other"))
    assert caught.value.code == "revision_exists"
    assert (store.get(HOST, 1).name, store.get(HOST, 1).state) == ("web", state)
    store.begin(a_revision(1, "local"))
    assert store.get("local", 1).state is PENDING


@pytest.mark.parametrize("state", [state for state in RevisionState if state is not PENDING])
def test_a_revision_begins_pending(store: DeploymentStore, state: RevisionState):
    with pytest.raises(ValueError, match="begins pending"):
        store.begin(a_revision(state=state))


def test_an_activated_revision_serves_and_nobody_drives_it(store: DeploymentStore):
    store.begin(a_revision(driver=FIRST))
    store.activate(HOST, 1, later(5))
    expected = a_revision(state=ACTIVE, activated_at=later(5))
    assert store.get(HOST, 1) == expected
    assert store.active() == (expected,)
    assert store.pending() == ()


def test_the_one_that_served_is_replaced_in_the_same_step(store: DeploymentStore):
    for number in (1, 2):
        store.begin(a_revision(number))
        store.activate(HOST, number, later(number))
    assert store.get(HOST, 1) == a_revision(1, state=REPLACED, activated_at=later(1), ended_at=later(2))
    assert store.get(HOST, 2) == a_revision(2, state=ACTIVE, activated_at=later(2))


def test_activating_twice_is_once(store: DeploymentStore):
    for number in (1, 2):
        store.begin(a_revision(number))
    store.activate(HOST, 1, later(1))
    store.activate(HOST, 2, later(2))
    before = store.history(HOST)
    store.activate(HOST, 2, later(3))
    assert store.history(HOST) == before


def test_a_replaced_revision_may_serve_again(store: DeploymentStore):
    for number in (1, 2):
        store.begin(a_revision(number))
        store.activate(HOST, number, later(number))
    store.activate(HOST, 1, later(3))
    assert store.get(HOST, 1) == a_revision(1, state=ACTIVE, activated_at=later(3))
    assert store.get(HOST, 2) == a_revision(2, state=REPLACED, activated_at=later(2), ended_at=later(3))


def test_a_switch_on_one_host_leaves_the_others_alone(store: DeploymentStore):
    for host, number in product(("local", "local://b"), (1, 2)):
        store.begin(a_revision(number, host))
    store.activate("local", 1, later(1))
    store.activate("local://b", 1, later(1))
    store.activate("local://b", 2, later(2))
    assert states(store, "local") == {1: ACTIVE, 2: PENDING}
    assert states(store, "local://b") == {1: REPLACED, 2: ACTIVE}


@pytest.mark.parametrize("state", [FAILED, REMOVED])
def test_what_failed_or_was_removed_never_serves(store: DeploymentStore, state: RevisionState):
    bring(store, 1, ACTIVE)
    bring(store, 2, state)
    with pytest.raises(StateError) as caught:
        store.activate(HOST, 2, later(9))
    assert caught.value.code == "revision_state"
    assert states(store) == {1: ACTIVE, 2: state}


def test_a_failed_intent_changes_nothing_that_serves(store: DeploymentStore):
    bring(store, 1, ACTIVE)
    store.begin(a_revision(2, driver=FIRST))
    store.fail(HOST, 2, "no data in 30 s")
    assert store.get(HOST, 1) == a_revision(1, state=ACTIVE, activated_at=later(1))
    expected = a_revision(2, state=FAILED, error="no data in 30 s", ended_at=later(1))
    assert store.get(HOST, 2) == expected


def test_what_served_and_was_taken_back_gives_its_place_to_the_restored_one(store: DeploymentStore):
    for number in (1, 2):
        store.begin(a_revision(number))
        store.activate(HOST, number, later(number / 10))
    store.fail(HOST, 2, "guardrail", restored=1)
    assert store.get(HOST, 1) == a_revision(1, state=ACTIVE, activated_at=later(1))
    failed = a_revision(2, state=FAILED, error="guardrail", activated_at=later(0.2), ended_at=later(1))
    assert store.get(HOST, 2) == failed


def test_restoring_what_serves_already_does_not_touch_it(store: DeploymentStore):
    bring(store, 1, ACTIVE)
    before = store.get(HOST, 1)
    store.begin(a_revision(2))
    store.fail(HOST, 2, "no data", restored=1)
    assert store.get(HOST, 1) == before


def test_a_failure_without_a_successor_leaves_the_host_without_one(store: DeploymentStore):
    bring(store, 1, ACTIVE)
    store.fail(HOST, 1, "died")
    assert store.active() == ()


def test_restoring_replaces_whatever_else_serves_by_then(store: DeploymentStore):
    for number in (1, 2):
        bring(store, number, ACTIVE)
    store.begin(a_revision(3))
    store.fail(HOST, 3, "no data", restored=1)
    assert states(store) == {1: ACTIVE, 2: REPLACED, 3: FAILED}


def test_failing_twice_is_once_and_the_first_error_stands(store: DeploymentStore):
    for number in (1, 2):
        bring(store, number, ACTIVE)
    store.fail(HOST, 2, "guardrail", restored=1)
    before = store.history(HOST)
    store.fail(HOST, 2, "another", restored=1)
    store.fail(HOST, 2, "another")
    assert store.history(HOST) == before


def test_a_late_failure_takes_nothing_from_what_serves_by_then(store: DeploymentStore):
    for number in (1, 2):
        bring(store, number, ACTIVE)
    store.fail(HOST, 2, "guardrail", restored=1)
    bring(store, 3, ACTIVE)
    store.fail(HOST, 2, "guardrail", restored=1)
    assert states(store) == {1: REPLACED, 2: FAILED, 3: ACTIVE}


def test_a_failure_said_once_more_restores_where_nothing_serves(store: DeploymentStore):
    for number in (1, 2):
        bring(store, number, ACTIVE)
    store.fail(HOST, 2, "guardrail")
    store.fail(HOST, 2, "recovered", restored=1)
    assert states(store) == {1: ACTIVE, 2: FAILED}
    assert store.get(HOST, 2).error == "guardrail"


@pytest.mark.parametrize("state", [REPLACED, REMOVED])
def test_what_neither_serves_nor_is_to_cannot_fail(store: DeploymentStore, state: RevisionState):
    bring(store, 1, state)
    before = store.get(HOST, 1)
    with pytest.raises(StateError) as caught:
        store.fail(HOST, 1, "late")
    assert caught.value.code == "revision_state"
    assert store.get(HOST, 1) == before


@pytest.mark.parametrize("state", [PENDING, FAILED, REMOVED])
def test_only_what_served_is_restored_and_a_refusal_changes_nothing(
    store: DeploymentStore, state: RevisionState
):
    bring(store, 1, state)
    bring(store, 2, ACTIVE)
    before = store.history(HOST)
    with pytest.raises(StateError) as caught:
        store.fail(HOST, 2, "guardrail", restored=1)
    assert caught.value.code == "revision_state"
    with pytest.raises(StateError) as caught:
        store.fail(HOST, 2, "guardrail", restored=9)
    assert caught.value.code == "unknown_revision"
    assert store.history(HOST) == before


def test_a_revision_does_not_take_its_own_place(store: DeploymentStore):
    bring(store, 1, ACTIVE)
    with pytest.raises(ValueError, match="place of itself"):
        store.fail(HOST, 1, "x", restored=1)
    assert states(store) == {1: ACTIVE}


@pytest.mark.parametrize("state", RevisionState)
def test_a_person_may_delete_any_and_it_stays_in_the_history(store: DeploymentStore, state: RevisionState):
    bring(store, 1, state)
    before = store.get(HOST, 1)
    store.remove(HOST, 1)
    once = store.get(HOST, 1)
    assert once == replace(before, state=REMOVED, driver=None, ended_at=once.ended_at)
    assert once.ended_at == (before.ended_at or once.ended_at)
    assert once.ended_at is not None
    store.remove(HOST, 1)
    assert store.get(HOST, 1) == once


USES: dict[str, Callable[[DeploymentStore, int], object]] = {
    "get": lambda store, number: store.get(HOST, number),
    "activate": lambda store, number: store.activate(HOST, number, START),
    "fail": lambda store, number: store.fail(HOST, number, "x"),
    "remove": lambda store, number: store.remove(HOST, number),
    "claim": lambda store, number: store.claim(HOST, number, FIRST, instead_of=None),
}


@pytest.mark.parametrize("verb", USES)
def test_every_verb_refuses_an_unknown_revision_with_the_numbers_there_are(store: DeploymentStore, verb: str):
    with pytest.raises(StateError) as caught:
        USES[verb](store, 1)
    assert caught.value.code == "unknown_revision"
    assert "Nothing was deployed" in caught.value.hint
    store.begin(a_revision(13, "local"))
    for number in range(1, 13):
        store.begin(a_revision(number))
    with pytest.raises(StateError) as caught:
        USES[verb](store, 13)
    assert caught.value.hint == "It has 12, 11, 10, 9, 8, 7, 6, 5, 4, 3 and 2 older."


def test_history_is_newest_first_limited_and_of_one_host(store: DeploymentStore):
    for number in (2, 10, 1):
        store.begin(a_revision(number))
    store.begin(a_revision(3, "local"))
    assert [revision.number for revision in store.history(HOST)] == [10, 2, 1]
    assert [revision.number for revision in store.history(HOST, limit=2)] == [10, 2]
    assert store.history("local://nothing") == ()


def test_what_serves_and_what_is_pending_come_by_host(store: DeploymentStore):
    hosts = ["ssh://b", "SSH://a", "local", "local://é", "ssh://a"]
    for host in hosts:
        bring(store, 1, ACTIVE, host)
        for number in (12, 3):
            bring(store, number, PENDING, host)
        for number, state in ((4, FAILED), (5, REMOVED)):
            bring(store, number, state, host)
    assert [revision.host for revision in store.active()] == sorted(hosts)
    found = [(revision.host, revision.number) for revision in store.pending()]
    assert found == [(host, number) for host in sorted(hosts) for number in (3, 12)]
    assert store.hosts() == tuple(sorted(hosts))


def test_a_host_is_known_until_it_is_forgotten_with_all_that_is_owed_there(store: DeploymentStore):
    for host in ("local", HOST):
        bring(store, 1, REMOVED, host)
        store.owe(host, "exp-aaaaaaaa", "no route")
    store.forget(HOST)
    store.forget(HOST)
    assert store.hosts() == ("local",)
    assert store.history(HOST) == ()
    assert [owed.host for owed in store.owed()] == ["local"]
    store.begin(a_revision())
    assert store.hosts() == ("local", HOST)


def test_of_two_claims_one_wins(store: DeploymentStore):
    store.begin(a_revision())
    store.claim(HOST, 1, FIRST, instead_of=None)
    with pytest.raises(StateError) as refused:
        store.claim(HOST, 1, SECOND, instead_of=None)
    assert refused.value.code == "driven"
    assert store.get(HOST, 1).driver == FIRST
    store.claim(HOST, 1, SECOND, instead_of=FIRST)
    assert store.get(HOST, 1).driver == SECOND


@pytest.mark.parametrize("end", ["fail", "remove", "activate another"])
def test_nobody_drives_what_is_over(store: DeploymentStore, end: str):
    bring(store, 1, ACTIVE)
    store.claim(HOST, 1, FIRST, instead_of=None)
    if end == "fail":
        store.fail(HOST, 1, "x")
    elif end == "remove":
        store.remove(HOST, 1)
    else:
        bring(store, 2, ACTIVE)
    assert store.get(HOST, 1).driver is None


def test_what_is_owed_stays_until_it_is_settled(store: DeploymentStore):
    store.owe("ssh://b", "dep-bbbbbbbb", "no route")
    store.owe("ssh://a", "exp-bbbbbbbb", "refused \udcff\x00")
    store.owe("ssh://a", "exp-aaaaaaaa", "timed out")
    expected = (
        Owed("ssh://a", "exp-aaaaaaaa", "timed out", later(3)),
        Owed("ssh://a", "exp-bbbbbbbb", "refused \\udcff\\x00", later(2)),
        Owed("ssh://b", "dep-bbbbbbbb", "no route", later(1)),
    )
    assert store.owed() == expected
    store.settle("ssh://a", "exp-bbbbbbbb")
    store.settle("ssh://a", "exp-bbbbbbbb")
    store.settle("ssh://a", "dep-bbbbbbbb")
    assert store.owed() == (expected[0], expected[2])


def test_owed_once_more_keeps_since_when_and_says_the_newest_why(store: DeploymentStore):
    store.owe(HOST, "dep-aaaaaaaa", "no route")
    store.owe(HOST, "dep-aaaaaaaa", "host key changed")
    assert store.owed() == (Owed(HOST, "dep-aaaaaaaa", "host key changed", later(1)),)


def test_settled_and_owed_anew_counts_from_anew(store: DeploymentStore):
    store.owe(HOST, "dep-aaaaaaaa", "no route")
    store.settle(HOST, "dep-aaaaaaaa")
    store.owe(HOST, "dep-aaaaaaaa", "no route")
    assert store.owed()[0].since == later(2)
