"""The contract of `DeploymentStore` where two write at once, over the fake and the real one on each database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import IntegrityError

from phoenix.adapters.store.deployments import SqlDeploymentStore
from phoenix.adapters.store.tables import REVISIONS
from phoenix.adapters.stores import DeploymentStore
from phoenix.domain.errors import StateError
from phoenix.domain.record import Driver
from tests.fakes.deployments import FakeDeploymentStore
from tests.support.clocks import Clock
from tests.support.revisions import (
    ACTIVE,
    FAILED,
    HOST,
    PENDING,
    REPLACED,
    a_revision,
    bring,
    later,
    states,
)
from tests.support.waiting import eventually

FIRST, SECOND = Driver("boot-1", 1, 10), Driver("boot-1", 4_194_304, 2**40)


@pytest.fixture
def store(database: Engine | None, clock: Clock) -> DeploymentStore:
    return FakeDeploymentStore(now=clock) if database is None else SqlDeploymentStore(database, now=clock)


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.real)], indirect=True
)
def test_the_database_itself_refuses_a_second_that_serves(database: Engine, store: DeploymentStore):
    for number in (1, 2):
        bring(store, number, ACTIVE)
        bring(store, number, ACTIVE, "local")
    both = update(REVISIONS).where(REVISIONS.c.host == HOST).values(state="active")
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(both)
    assert states(store) == states(store, "local") == {1: REPLACED, 2: ACTIVE}


def waits_for_a_lock(database: Engine) -> bool:
    with database.connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


@pytest.mark.real
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_switch_that_waited_sees_what_was_begun_meanwhile(database: Engine, store: DeploymentStore):
    bring(store, 1, ACTIVE)
    bring(store, 2, PENDING)
    first = REVISIONS.c.number == 1
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as other:
            other.execute(select(REVISIONS).where(first).with_for_update())
            switched = pool.submit(store.activate, HOST, 2, later(9))
            eventually(lambda: waits_for_a_lock(database), what="the switch waits")
            bring(store, 3, PENDING)
            other.execute(update(REVISIONS).where(first).values(state="replaced"))
            other.execute(update(REVISIONS).where(REVISIONS.c.number == 3).values(state="active"))
        switched.result(timeout=30)
    assert states(store) == {1: REPLACED, 2: ACTIVE, 3: REPLACED}


def at_once(*verbs: Callable[[], object]) -> list[StateError | None]:
    """Run every verb in a thread of its own, begun together; what each was refused with."""
    start = Barrier(len(verbs))

    def run(verb: Callable[[], object]) -> StateError | None:
        start.wait()
        try:
            verb()
        except StateError as error:
            return error
        return None

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs))


def test_of_two_revisions_activated_at_once_one_serves(store: DeploymentStore):
    bring(store, 1, ACTIVE)
    for number in range(2, 22, 2):
        for new in (number, number + 1):
            store.begin(a_revision(new))
        refused = at_once(
            lambda one=number: store.activate(HOST, one, later(one)),
            lambda other=number + 1: store.activate(HOST, other, later(other)),
        )
        assert refused == [None, None]
        (serving,) = store.active()
        assert serving.number in (number, number + 1)
        others = {at: state for at, state in states(store).items() if at != serving.number}
        assert set(others.values()) == {REPLACED}


def test_of_one_number_begun_at_once_one_is_written(store: DeploymentStore):
    for number in range(1, 11):
        refused = at_once(
            lambda n=number: store.begin(a_revision(n, name="one")),
            lambda n=number: store.begin(a_revision(n, name="two")),
        )
        codes = [error.code for error in refused if error is not None]
        assert codes == ["revision_exists"]
        winner = "one" if refused[0] is None else "two"
        assert store.get(HOST, number).name == winner


def test_of_two_claims_at_once_one_wins(store: DeploymentStore):
    for number in range(1, 11):
        store.begin(a_revision(number))
        refused = at_once(
            lambda n=number: store.claim(HOST, n, FIRST, instead_of=None),
            lambda n=number: store.claim(HOST, n, SECOND, instead_of=None),
        )
        assert [error.code for error in refused if error is not None] == ["driven"]
        assert store.get(HOST, number).driver == (FIRST if refused[0] is None else SECOND)


def test_of_an_activation_and_a_failure_at_once_the_end_is_one_of_two(store: DeploymentStore):
    bring(store, 1, ACTIVE)
    for number in range(2, 12):
        store.begin(a_revision(number))
        store.activate(HOST, 1, later(number))
        refused = at_once(
            lambda n=number: store.activate(HOST, n, later(n)),
            lambda n=number: store.fail(HOST, n, "no data", restored=1),
        )
        # Activated first, it was taken back; failed first, it was refused to serve.
        assert refused[1] is None
        assert refused[0] is None or refused[0].code == "revision_state"
        assert states(store)[number] is FAILED
        assert [revision.number for revision in store.active()] == [1]
