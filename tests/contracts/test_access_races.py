"""The contract of `AccessStore` where many write at once, over the fake and the real one on each database."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, select, text

from phoenix.adapters.access_store import AccessStore
from phoenix.adapters.store.access import SqlAccessStore
from phoenix.adapters.store.tables import USERS
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import StateError
from tests.fakes.access import FakeAccessStore
from tests.support.clocks import START
from tests.support.people import a_session, a_token, a_user, an_event, an_invitation, later
from tests.support.waiting import eventually


@pytest.fixture
def store(database: Engine | None) -> AccessStore:
    return FakeAccessStore() if database is None else SqlAccessStore(database)


def at_once(*verbs: Callable[[], object]) -> list[str]:
    """Run every verb in a thread of its own, begun together; the code of each refusal, else what it returned."""
    start = Barrier(len(verbs))

    def run(verb: Callable[[], object]) -> str:
        start.wait()
        try:
            return str(verb())
        except StateError as error:
            return error.code

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs))


def test_of_twenty_who_take_one_invitation_one_becomes_a_user(store: AccessStore):
    store.invite(an_invitation())
    takers = [a_user(f"u{number}") for number in range(20)]
    said = at_once(*(lambda user=user: store.accept("i1", START, user) for user in takers))
    assert Counter(said) == {"None": 1, "invitation_over": 19}
    (admin,) = store.users()
    assert admin == takers[said.index("None")]


def test_of_many_links_made_at_once_one_holds(store: AccessStore):
    links = [f"i{number}" for number in range(10)]
    at_once(*(lambda link=link: store.invite(an_invitation(link)) for link in links))
    said = [at_once(lambda link=link: store.accept(link, START, a_user(link)))[0] for link in links]
    assert Counter(said) == {"None": 1, "invitation_over": 9}


LOSING: dict[str, Callable[[AccessStore, str], None]] = {
    "demoted": lambda store, name: store.set_role(name, Role.VIEWER),
    "disabled": lambda store, name: store.set_disabled(name, is_disabled=True),
    "removed": lambda store, name: store.remove_user(name),
}


@pytest.mark.parametrize("first", LOSING)
@pytest.mark.parametrize("second", LOSING)
def test_of_two_admins_who_lose_each_other_at_once_one_stays(store: AccessStore, first: str, second: str):
    for round_ in range(5):
        ada, bob = f"ada{round_}", f"bob{round_}"
        for name in (ada, bob):
            store.add_user(a_user(name))
        for user in store.users():
            if user.name not in (ada, bob) and user.role is Role.ADMIN:
                store.set_role(user.name, Role.VIEWER)
        said = at_once(lambda a=ada: LOSING[first](store, a), lambda b=bob: LOSING[second](store, b))
        assert sorted(said) == ["None", "last_admin"]
        assert store.has_admin()


@pytest.mark.real
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_demotion_that_waited_sees_who_was_demoted_meanwhile(database: Engine, store: AccessStore):
    for name in ("ada", "bob"):
        store.add_user(a_user(name))
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as other:
            other.execute(select(USERS).where(USERS.c.name == "ada").with_for_update())
            demoted = pool.submit(at_once, lambda: store.set_role("ada", Role.VIEWER))
            eventually(lambda: waits_for_a_lock(database), what="the demotion waits")
            other.execute(text("UPDATE users SET role = 'viewer' WHERE name = 'bob'"))
        assert demoted.result(timeout=60) == ["last_admin"]
    assert store.has_admin()


def waits_for_a_lock(database: Engine) -> bool:
    with database.connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_fifty_wrong_passwords_at_once_are_fifty(store: AccessStore):
    store.add_user(a_user())
    at_once(*[lambda: store.failed("ada", most=1000, lock_until=START)] * 50)
    assert store.user("ada").failures == 50


def test_of_fifty_wrong_passwords_at_once_every_fifth_locks(store: AccessStore):
    store.add_user(a_user())
    at_once(*[lambda: store.failed("ada", most=5, lock_until=later(1))] * 52)
    assert store.user("ada") == a_user(failures=2, locked_until=later(1))


def test_one_key_begun_by_ten_at_once_is_carried_out_by_one(store: AccessStore):
    for key in ("a", "b", "c"):
        said = at_once(*[lambda key=key: store.begin_request(key, "f", START, forget_before=START)] * 10)
        assert Counter(said) == {"None": 1, "request_in_progress": 9}


def test_one_old_key_begun_anew_by_ten_at_once_is_carried_out_by_one(store: AccessStore):
    store.begin_request("k", "old", START, forget_before=START)
    said = at_once(*[lambda: store.begin_request("k", "f", later(2), forget_before=later(1))] * 10)
    assert Counter(said) == {"None": 1, "request_in_progress": 9}


def test_a_key_taken_back_again_and_again_is_free_or_in_progress(store: AccessStore):
    def begin_and_take_back() -> None:
        store.begin_request("k", "f", START, forget_before=START)
        store.end_request("k", None)

    for _ in range(5):
        said = at_once(*[begin_and_take_back] * 10)
        assert set(said) <= {"None", "request_in_progress"}
    assert store.begin_request("k", "f", START, forget_before=START) is None


def test_of_one_name_added_by_ten_at_once_one_is(store: AccessStore):
    users = [a_user(role=Role.VIEWER, password_hash=str(number)) for number in range(10)]
    said = at_once(*(lambda user=user: store.add_user(user) for user in users))
    assert Counter(said) == {"None": 1, "user_exists": 9}
    assert store.user("ada") == users[said.index("None")]


def test_of_two_passwords_set_instead_of_one_at_once_one_is(store: AccessStore):
    store.add_user(a_user())
    for old in range(5):
        store.set_password("ada", str(old))
        said = at_once(
            *(lambda new=new, old=old: store.set_password("ada", new, instead_of=str(old)) for new in "xy")
        )
        assert sorted(said) == ["None", "password_changed"]
        assert store.user("ada").password_hash == "xy"[said.index("None")]


def test_what_is_given_to_somebody_who_is_removed_goes_with_him_or_is_refused(store: AccessStore):
    store.add_user(a_user())
    for number in range(5):
        store.add_user(a_user("bob", Role.VIEWER))
        session, token = a_session(f"d{number}", "bob"), a_token(f"tok-{number}", "bob")
        said = at_once(
            lambda: store.remove_user("bob"),
            lambda session=session: store.open_session(session),
            lambda token=token: store.add_token(token),
        )
        assert said[0] == "None"
        assert set(said[1:]) <= {"None", "unknown_user"}
        assert store.session(f"d{number}") is None
        assert store.tokens() == ()


def test_lines_written_at_once_are_all_there_each_with_a_number_of_its_own(store: AccessStore):
    at_once(*(lambda n=number: store.audit(an_event(subject=str(n))) for number in range(20)))
    events = store.audit_events()
    assert {event.subject for event in events} == {str(number) for number in range(20)}
    assert len({event.sequence for event in events}) == 20
