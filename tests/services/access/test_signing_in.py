"""Signing in with a password: who is let in, what is refused, and that refusals tell nothing."""

from datetime import timedelta

import pytest
from argon2 import Parameters, Type

from phoenix.domain.access.people import Session, User
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import digest
from phoenix.domain.errors import StateError
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from tests.fakes.access import FakeAccessStore
from tests.support.cheap_passwords import CountedPasswords
from tests.support.clocks import START, MovableClock

RIGHT, WRONG = "correct horse battery", "incorrect horse battery"
HERE, THERE = "192.0.2.1", "192.0.2.2"
A_QUARTER = timedelta(minutes=15)
TICK = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def ada(people: People) -> User:
    people.add("root", Role.ADMIN, RIGHT + "!")
    return people.add("ada", Role.OPERATOR, RIGHT)


def refusal(signing_in: SigningIn, name: str = "ada", typed: str = WRONG, address: str = HERE) -> StateError:
    with pytest.raises(StateError) as caught:
        signing_in.sign_in(name, typed, address)
    return caught.value


def said(error: StateError) -> tuple[object, ...]:
    return error.message, error.code, error.hint, error.details, str(error), repr(error), error.__cause__


def lock(signing_in: SigningIn, name: str = "ada") -> None:
    for _ in range(5):
        refusal(signing_in, name, address=THERE)


def test_the_right_password_opens_a_session(signing_in: SigningIn, store: FakeAccessStore):
    session, secret = signing_in.sign_in("ada", RIGHT, HERE)
    assert session == Session(digest(secret), "ada", START, START + timedelta(hours=12), START, HERE)
    assert store.session(digest(secret)) == session


def test_a_name_is_typed_in_any_case(signing_in: SigningIn):
    assert signing_in.sign_in(" Ada ", RIGHT, HERE)[0].user == "ada"


def test_every_session_has_a_secret_of_its_own(signing_in: SigningIn):
    assert len({signing_in.sign_in("ada", RIGHT, HERE)[1] for _ in range(10)}) == 10


def test_every_refusal_says_the_same_whatever_is_wrong(signing_in: SigningIn, people: People):
    for name in ("disabled", "locked"):
        people.add(name, Role.VIEWER, RIGHT)
    people.disable("disabled")
    lock(signing_in, "locked")
    refusals = [
        refusal(signing_in, "ada", WRONG),
        refusal(signing_in, "nobody", RIGHT),
        refusal(signing_in, "no such\x00 name \ud800", RIGHT),
        refusal(signing_in, "", RIGHT),
        refusal(signing_in, "disabled", RIGHT),
        refusal(signing_in, "disabled", WRONG),
        refusal(signing_in, "locked", RIGHT),
        refusal(signing_in, "locked", WRONG),
    ]
    assert {error.code for error in refusals} == {"wrong_credentials"}
    assert len({str(said(error)) for error in refusals}) == 1


@pytest.mark.parametrize("name", ["ada", "nobody", "disabled", "locked", "elsewhere"])
def test_every_refusal_costs_the_work_of_one_password(
    signing_in: SigningIn, people: People, store: FakeAccessStore, passwords: CountedPasswords, name: str
):
    for other in ("disabled", "locked"):
        people.add(other, Role.VIEWER, RIGHT)
    people.disable("disabled")
    lock(signing_in, "locked")
    store.add_user(User("elsewhere", Role.VIEWER, None, START, subject="https://id.example 1"))
    verified, hashed = passwords.verified, passwords.hashed
    refusal(signing_in, name, WRONG)
    assert passwords.verified == verified + 1
    assert passwords.hashed == hashed


def test_the_fifth_wrong_password_in_a_row_locks_for_a_quarter_of_an_hour(
    signing_in: SigningIn, clock: MovableClock
):
    lock(signing_in)
    assert refusal(signing_in, typed=RIGHT).code == "wrong_credentials"
    clock.forward(A_QUARTER - TICK)
    refusal(signing_in, typed=RIGHT)
    clock.forward(TICK)
    assert signing_in.sign_in("ada", RIGHT, HERE)


def test_four_wrong_passwords_in_a_row_lock_nobody(signing_in: SigningIn):
    for _ in range(4):
        for _ in range(4):
            refusal(signing_in)
        signing_in.sign_in("ada", RIGHT, HERE)


def test_a_lock_is_of_one_user(signing_in: SigningIn):
    lock(signing_in)
    assert signing_in.sign_in("root", RIGHT + "!", HERE)


def test_guessing_on_does_not_make_the_lock_longer(signing_in: SigningIn, clock: MovableClock):
    lock(signing_in)
    clock.forward(A_QUARTER - TICK)
    for _ in range(5):
        refusal(signing_in)
    clock.forward(TICK)
    assert signing_in.sign_in("ada", RIGHT, HERE)


def test_a_locked_users_password_is_not_looked_at(signing_in: SigningIn, passwords: CountedPasswords):
    lock(signing_in)
    of_nobody = passwords.of_nobody
    refusal(signing_in, typed=RIGHT)
    assert passwords.of_nobody == of_nobody + 1


def test_after_a_lock_five_more_are_needed_for_the_next(signing_in: SigningIn, clock: MovableClock):
    lock(signing_in)
    clock.forward(A_QUARTER)
    for _ in range(4):
        refusal(signing_in)
    assert signing_in.sign_in("ada", RIGHT, HERE)


class Meanwhile(CountedPasswords):
    """Lets something happen while a password is worked on."""

    happens = staticmethod(lambda: None)

    def is_right(self, password: str, kept: str | None) -> bool:
        result = super().is_right(password, kept)
        self.happens()
        return result


MEANWHILE = {
    "locked": lambda people, store: store.failed("ada", most=1, lock_until=START + A_QUARTER),
    "disabled": lambda people, store: people.disable("ada"),
    "removed": lambda people, store: people.remove("ada"),
    "given another password": lambda people, store: people.set_password("ada", "a whole new sentence"),
}


@pytest.mark.parametrize("what", MEANWHILE)
@pytest.mark.parametrize("typed", [RIGHT, WRONG])
def test_who_changes_while_his_password_is_checked_is_refused_like_all(
    store: FakeAccessStore, people: People, clock: MovableClock, what: str, typed: str
):
    passwords = Meanwhile()
    passwords.happens = lambda: MEANWHILE[what](people, store)
    error = refusal(SigningIn(store, passwords, clock), typed=typed)
    passwords.happens = lambda: None
    assert said(error) == said(refusal(SigningIn(store, passwords, clock), "nobody"))


class OpensLate(FakeAccessStore):
    """Lets something happen just before a session is opened."""

    happens = staticmethod(lambda: None)

    def open_session(self, session: Session) -> None:
        self.happens()
        super().open_session(session)


@pytest.mark.parametrize("what", ["disabled", "removed", "given another password"])
def test_a_session_that_was_opened_too_late_is_closed(
    passwords: CountedPasswords, clock: MovableClock, what: str
):
    store = OpensLate()
    people, signing_in = People(store, passwords, clock), SigningIn(store, passwords, clock)
    people.add("ada", Role.OPERATOR, RIGHT)
    store.happens = lambda: MEANWHILE[what](people, store)
    assert refusal(signing_in, typed=RIGHT).code == "wrong_credentials"
    assert store._sessions == {}


DEARER = Parameters(Type.ID, 19, 16, 32, time_cost=2, memory_cost=8, parallelism=1)


def test_a_hash_of_an_older_profile_is_made_anew_at_the_next_sign_in(
    store: FakeAccessStore, clock: MovableClock
):
    before = store.user("ada").password_hash
    signing_in = SigningIn(store, CountedPasswords(DEARER), clock)
    refusal(signing_in)
    assert store.user("ada").password_hash == before
    session, _ = signing_in.sign_in("ada", RIGHT, HERE)
    after = store.user("ada").password_hash
    assert after is not None
    assert ",t=2," in after
    assert store.session(session.digest) == session
    signing_in.sign_in("ada", RIGHT, HERE)
    assert store.user("ada").password_hash == after


def test_a_hash_made_anew_never_takes_the_place_of_a_newer_password(
    store: FakeAccessStore, people: People, clock: MovableClock
):
    class Dearer(CountedPasswords):
        def hash(self, password: str) -> str:
            people.set_password("ada", "a whole new sentence")
            return super().hash(password)

    assert refusal(SigningIn(store, Dearer(DEARER), clock), typed=RIGHT).code == "wrong_credentials"
    signing_in = SigningIn(store, CountedPasswords(), clock)
    refusal(signing_in, typed=RIGHT)
    assert signing_in.sign_in("ada", "a whole new sentence", HERE)


def test_signing_out_ends_that_session_only(signing_in: SigningIn):
    (_, first), (_, second) = (signing_in.sign_in("ada", RIGHT, HERE) for _ in range(2))
    signing_in.sign_out(first)
    signing_in.sign_out(first)
    signing_in.sign_out("never given")
    assert signing_in.of_session(first) is None
    assert signing_in.of_session(second) is not None


def test_sessions_that_are_over_are_forgotten_when_somebody_signs_in(
    signing_in: SigningIn, store: FakeAccessStore, clock: MovableClock
):
    signing_in.sign_in("ada", RIGHT, HERE)
    clock.forward(timedelta(hours=12) + TICK)
    signing_in.sign_in("root", RIGHT + "!", HERE)
    assert [session.user for session in store._sessions.values()] == ["root"]
