"""Who it is that shows the secret of a session."""

from datetime import timedelta

import pytest

from phoenix.domain.access.people import Principal, SignInWay
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import digest
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from tests.fakes.access import FakeAccessStore
from tests.support.clocks import START, MovableClock

RIGHT = "correct horse battery"
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def secret(people: People, signing_in: SigningIn) -> str:
    """Of a session of Ada's."""
    people.add("root", Role.ADMIN, RIGHT)
    people.add("ada", Role.OPERATOR, RIGHT)
    return signing_in.sign_in("ada", RIGHT, "192.0.2.1")[1]


def test_it_is_who_signed_in(signing_in: SigningIn, secret: str):
    ada = Principal("ada", Role.OPERATOR, SignInWay.SESSION, digest(secret))
    assert signing_in.of_session(secret) == ada


@pytest.mark.parametrize("other", ["", "guessed", "\x00"])
def test_another_secret_is_nobodys(signing_in: SigningIn, secret: str, other: str):
    assert signing_in.of_session(other) is None
    assert signing_in.of_session(secret + other) is None or not other
    assert signing_in.of_token(secret) is None, "a session is no token"


def test_what_is_kept_of_it_lets_nobody_in(signing_in: SigningIn, secret: str):
    assert signing_in.of_session(digest(secret)) is None


def test_it_ends_after_twelve_hours_however_it_is_used(
    signing_in: SigningIn, secret: str, clock: MovableClock
):
    for _ in range(11):
        clock.forward(HOUR)
        assert signing_in.of_session(secret)
    clock.forward(HOUR - TICK)
    assert signing_in.of_session(secret)
    clock.forward(TICK)
    assert signing_in.of_session(secret) is None


def test_it_ends_after_two_hours_without_use(signing_in: SigningIn, secret: str, clock: MovableClock):
    for _ in range(3):
        clock.forward(2 * HOUR - TICK)
        assert signing_in.of_session(secret)
    clock.forward(2 * HOUR)
    assert signing_in.of_session(secret) is None


class CountedTouches(FakeAccessStore):
    def __init__(self) -> None:
        super().__init__()
        self.touched: list[object] = []

    def touch_session(self, digest: str, at) -> None:
        self.touched.append(at)
        super().touch_session(digest, at)


def test_its_use_is_written_down_once_a_minute(passwords, clock: MovableClock):
    store = CountedTouches()
    People(store, passwords, clock).add("ada", Role.VIEWER, RIGHT)
    signing_in = SigningIn(store, passwords, clock)
    secret = signing_in.sign_in("ada", RIGHT, "")[1]
    for _ in range(12):
        signing_in.of_session(secret)
        clock.forward(timedelta(seconds=15))
    assert store.touched == [START + timedelta(minutes=1), START + timedelta(minutes=2)]


def test_a_clock_that_is_set_back_ends_nothing(signing_in: SigningIn, secret: str, clock: MovableClock):
    clock.forward(-HOUR)
    assert signing_in.of_session(secret)


def test_who_is_disabled_has_none_even_where_it_is_still_kept(
    signing_in: SigningIn, store: FakeAccessStore, secret: str
):
    session = store.session(digest(secret))
    assert session is not None
    store.set_disabled("ada", is_disabled=True)
    store.open_session(session)
    assert signing_in.of_session(secret) is None


def test_who_was_disabled_and_is_enabled_must_sign_in_anew(
    signing_in: SigningIn, people: People, secret: str
):
    people.disable("ada")
    people.enable("ada")
    assert signing_in.of_session(secret) is None


def test_a_new_role_holds_at_the_next_request(signing_in: SigningIn, people: People, secret: str):
    for role in (Role.VIEWER, Role.ADMIN):
        people.set_role("ada", role)
        principal = signing_in.of_session(secret)
        assert principal is not None
        assert principal.role is role


@pytest.mark.parametrize(
    "end",
    [
        lambda people: people.remove("ada"),
        lambda people: people.set_password("ada", "a whole new sentence"),
        lambda people: people.change_own_password("ada", RIGHT, "a whole new sentence"),
    ],
    ids=["removed", "given another password", "changed his password"],
)
def test_it_ends_when_he_is(signing_in: SigningIn, people: People, secret: str, end):
    end(people)
    assert signing_in.of_session(secret) is None


def test_a_lock_ends_no_session(signing_in: SigningIn, store: FakeAccessStore, secret: str):
    store.failed("ada", most=1, lock_until=START + HOUR)
    assert signing_in.of_session(secret) is not None
