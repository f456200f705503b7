"""The first admin, by a link that holds once; and people whom an OpenID provider vouches for."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from phoenix.domain.access.people import Principal, SignInWay, User
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import SpecError, StateError
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from tests.fakes.access import FakeAccessStore
from tests.support.clocks import START, MovableClock

RIGHT = "correct horse battery"
HERE = "192.0.2.1"
TICK = timedelta(microseconds=1)
SUBJECT = "https://id.example 4711"


def link(signing_in: SigningIn) -> str:
    secret = signing_in.invite_first_admin()
    assert secret is not None
    return secret


def refused(error: type[SpecError | StateError], verb) -> str:
    with pytest.raises(error) as caught:
        verb()
    return caught.value.code


def test_the_link_makes_the_first_admin_and_signs_him_in(signing_in: SigningIn, store: FakeAccessStore):
    session, secret = signing_in.accept_invitation(link(signing_in), "Ada", RIGHT, HERE)
    assert signing_in.of_session(secret) == Principal("ada", Role.ADMIN, SignInWay.SESSION, session.digest)
    assert session.address == HERE
    assert store.user("ada").created_at == START
    assert signing_in.sign_in("ada", RIGHT, HERE)


def test_there_is_no_link_once_there_is_an_admin(
    signing_in: SigningIn, people: People, store: FakeAccessStore
):
    signing_in.accept_invitation(link(signing_in), "ada", RIGHT, HERE)
    assert signing_in.invite_first_admin() is None


def test_operators_and_disabled_admins_are_no_admin(signing_in: SigningIn, people: People, store):
    people.add("bob", Role.OPERATOR, RIGHT)
    store.add_user(User("old", Role.ADMIN, None, START, is_disabled=True))
    assert signing_in.invite_first_admin() is not None


def test_a_newer_link_ends_the_older(signing_in: SigningIn):
    older, newer = link(signing_in), link(signing_in)
    assert older != newer
    accept = signing_in.accept_invitation
    assert refused(StateError, lambda: accept(older, "ada", RIGHT, HERE)) == "invitation_over"
    assert accept(newer, "ada", RIGHT, HERE)


def test_a_link_holds_for_a_day(signing_in: SigningIn, clock: MovableClock):
    secret = link(signing_in)
    clock.forward(timedelta(hours=24))
    accept = signing_in.accept_invitation
    assert refused(StateError, lambda: accept(secret, "ada", RIGHT, HERE)) == "invitation_over"
    clock.forward(-TICK)
    assert accept(secret, "ada", RIGHT, HERE)


def test_a_link_holds_once_whoever_takes_it_at_once(signing_in: SigningIn, store: FakeAccessStore):
    secret, start = link(signing_in), Barrier(10)

    def take(number: int) -> str:
        start.wait()
        try:
            signing_in.accept_invitation(secret, f"u{number}", RIGHT, HERE)
        except StateError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(10) as pool:
        said = sorted(pool.map(take, range(10)))
    assert said == ["done"] + ["invitation_over"] * 9
    assert len(store.users()) == 1


@pytest.mark.parametrize(
    ("name", "typed", "code"),
    [
        ("ada", "too short", "weak_password"),
        ("adalovelace-1815", "adalovelace-1815", "weak_password"),
        ("Ada Lovelace", RIGHT, "invalid_user_name"),
        ("", RIGHT, "invalid_user_name"),
    ],
)
def test_a_name_or_password_that_will_not_do_leaves_the_link_as_it_was(
    signing_in: SigningIn, passwords, name: str, typed: str, code: str
):
    secret = link(signing_in)
    assert refused(SpecError, lambda: signing_in.accept_invitation(secret, name, typed, HERE)) == code
    assert passwords.hashed == 0, "what costs comes last"
    assert signing_in.accept_invitation(secret, "ada", RIGHT, HERE)


def test_a_taken_name_leaves_the_link_as_it_was(signing_in: SigningIn, people: People):
    people.add("ada", Role.VIEWER, RIGHT)
    secret = link(signing_in)
    accept = signing_in.accept_invitation
    assert refused(StateError, lambda: accept(secret, "ada", RIGHT + "!", HERE)) == "user_exists"
    assert people.get("ada").role is Role.VIEWER
    assert accept(secret, "eve", RIGHT, HERE)


def test_an_identity_becomes_a_user_at_the_first_time(signing_in: SigningIn, store: FakeAccessStore):
    session, secret = signing_in.of_identity(SUBJECT, "Ada@Example.org", Role.VIEWER, HERE)
    assert store.users() == (User("ada@example.org", Role.VIEWER, None, START, subject=SUBJECT),)
    expected = Principal("ada@example.org", Role.VIEWER, SignInWay.SESSION, session.digest)
    assert signing_in.of_session(secret) == expected
    assert session.address == HERE


def test_later_the_identity_alone_counts(signing_in: SigningIn, people: People, store: FakeAccessStore):
    signing_in.of_identity(SUBJECT, "ada", Role.VIEWER)
    people.set_role("ada", Role.OPERATOR)
    session, _ = signing_in.of_identity(SUBJECT, "ada.lovelace", Role.VIEWER)
    assert session.user == "ada"
    assert [(user.name, user.role) for user in store.users()] == [("ada", Role.OPERATOR)]


@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_an_identity_never_takes_a_local_account_over(signing_in: SigningIn, people: People, name: str):
    ada = people.add("ada", Role.ADMIN, RIGHT)
    identify = signing_in.of_identity
    assert refused(StateError, lambda: identify(SUBJECT, name, Role.VIEWER)) == "user_exists"
    assert people.list() == (ada,)


def test_an_identity_never_takes_anothers_account_over(signing_in: SigningIn, people: People):
    signing_in.of_identity(SUBJECT, "ada", Role.VIEWER)
    other = "https://other.example 4711"
    assert refused(StateError, lambda: signing_in.of_identity(other, "ada", Role.VIEWER)) == "user_exists"
    assert people.get("ada").subject == SUBJECT


@pytest.mark.parametrize("subject", ["", "  "])
def test_an_identity_without_a_subject_is_nobodys(signing_in: SigningIn, people: People, subject: str):
    people.add("ada", Role.ADMIN, RIGHT)
    identify = signing_in.of_identity
    assert refused(SpecError, lambda: identify(subject, "eve", Role.VIEWER)) == "invalid_identity"
    assert [user.name for user in people.list()] == ["ada"]


def test_who_is_disabled_is_refused_whoever_vouches_for_him(signing_in: SigningIn, people: People, store):
    signing_in.of_identity(SUBJECT, "ada", Role.VIEWER)
    people.disable("ada")
    identify = signing_in.of_identity
    assert refused(StateError, lambda: identify(SUBJECT, "ada", Role.VIEWER)) == "wrong_credentials"


def test_who_comes_by_two_windows_at_once_is_one_user(signing_in: SigningIn, store: FakeAccessStore):
    start = Barrier(10)

    def come(_: int) -> str:
        start.wait()
        return signing_in.of_identity(SUBJECT, "ada", Role.VIEWER)[0].user

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(come, range(10))) == {"ada"}
    assert len(store.users()) == 1


def test_who_has_no_password_signs_in_with_none(signing_in: SigningIn):
    signing_in.of_identity(SUBJECT, "ada", Role.VIEWER)
    for typed in ("", "None", RIGHT):
        code = refused(StateError, lambda typed=typed: signing_in.sign_in("ada", typed, HERE))
        assert code == "wrong_credentials"
