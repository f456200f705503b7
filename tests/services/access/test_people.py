"""Users: added, changed, disabled, removed; and their lines in the audit."""

from datetime import timedelta

import pytest

from phoenix.domain.access.people import AuditEvent, User
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import SpecError, StateError
from phoenix.services.access.audit import Audit
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from phoenix.services.access.summaries import (
    summarise_audit_event,
    summarise_session,
    summarise_token,
    summarise_user,
)
from tests.fakes.access import FakeAccessStore
from tests.support.cheap_passwords import CountedPasswords
from tests.support.clocks import START, MovableClock
from tests.support.people import a_session, a_token, a_user, an_event, later

RIGHT, NEW = "correct horse battery", "a whole new sentence"
HERE = "192.0.2.1"


@pytest.fixture
def ada(people: People) -> User:
    people.add("root", Role.ADMIN, RIGHT)
    return people.add("ada", Role.OPERATOR, RIGHT)


def code_of(verb) -> str:
    with pytest.raises((SpecError, StateError)) as caught:
        verb()
    return caught.value.code


def test_who_is_added_may_sign_in(people: People, signing_in: SigningIn):
    ada = people.add(" Ada ", Role.OPERATOR, RIGHT)
    assert (ada.name, ada.role, ada.created_at) == ("ada", Role.OPERATOR, START)
    assert people.get("ADA") == ada
    assert signing_in.sign_in("ada", RIGHT, HERE)


def test_a_name_is_given_once(people: People, ada: User):
    assert code_of(lambda: people.add("Ada", Role.ADMIN, NEW)) == "user_exists"
    assert people.get("ada") == ada


def test_weak_passwords_are_refused_before_they_cost_anything(
    people: People, ada: User, passwords: CountedPasswords
):
    hashed, verified = passwords.hashed, passwords.verified
    for weak in ("short", "aaaaaaaaaaaaaaaa", "x" * 1025):
        assert code_of(lambda weak=weak: people.add("eve", Role.VIEWER, weak)) == "weak_password"
        assert code_of(lambda weak=weak: people.set_password("ada", weak)) == "weak_password"
        own = code_of(lambda weak=weak: people.change_own_password("ada", RIGHT, weak))
        assert own == "weak_password"
    assert (passwords.hashed, passwords.verified) == (hashed, verified)


def test_everybody_is_listed_by_name(people: People, ada: User):
    assert [user.name for user in people.list()] == ["ada", "root"]


def test_a_role_changes(people: People, ada: User):
    assert people.set_role("Ada", Role.VIEWER).role is Role.VIEWER
    assert people.get("ada").role is Role.VIEWER


@pytest.mark.parametrize(
    "lose",
    [
        lambda people: people.set_role("root", Role.OPERATOR),
        lambda people: people.disable("root"),
        lambda people: people.remove("root"),
    ],
)
def test_the_last_admin_stays(people: People, ada: User, lose):
    assert code_of(lambda: lose(people)) == "last_admin"
    people.set_role("ada", Role.ADMIN)
    lose(people)


def test_who_is_disabled_may_not_sign_in_until_he_is_enabled(
    people: People, ada: User, signing_in: SigningIn
):
    assert people.disable("ada").is_disabled
    assert code_of(lambda: signing_in.sign_in("ada", RIGHT, HERE)) == "wrong_credentials"
    assert not people.enable("ada").is_disabled
    assert signing_in.sign_in("ada", RIGHT, HERE)


def test_a_new_password_takes_the_place_of_the_old_and_ends_the_lock(
    people: People, ada: User, signing_in: SigningIn, store: FakeAccessStore
):
    store.failed("ada", most=1, lock_until=later(1))
    people.set_password("ada", NEW)
    assert signing_in.sign_in("ada", NEW, HERE)
    assert code_of(lambda: signing_in.sign_in("ada", RIGHT, HERE)) == "wrong_credentials"


def test_ones_own_password_is_changed_by_who_knows_it(people: People, ada: User, signing_in: SigningIn):
    assert code_of(lambda: people.change_own_password("ada", NEW, NEW)) == "wrong_credentials"
    assert people.get("ada").password_hash == ada.password_hash
    people.change_own_password("ada", RIGHT, NEW)
    assert signing_in.sign_in("ada", NEW, HERE)


def test_guessing_ones_own_password_locks_like_guessing_anothers(
    people: People, ada: User, clock: MovableClock
):
    for _ in range(5):
        assert code_of(lambda: people.change_own_password("ada", NEW, NEW)) == "wrong_credentials"
    assert code_of(lambda: people.change_own_password("ada", RIGHT, NEW)) == "wrong_credentials"
    clock.forward(timedelta(minutes=15))
    people.change_own_password("ada", RIGHT, NEW)


def test_what_an_admin_set_meanwhile_stays(store: FakeAccessStore, people: People, ada: User):
    class Meanwhile(CountedPasswords):
        def hash(self, password: str) -> str:
            people.set_password("ada", "what an admin gave him")
            return super().hash(password)

    slow = People(store, Meanwhile(), MovableClock())
    assert code_of(lambda: slow.change_own_password("ada", RIGHT, NEW)) == "password_changed"
    people.change_own_password("ada", "what an admin gave him", NEW)


def test_who_is_removed_is_gone(people: People, ada: User):
    people.remove("Ada")
    assert code_of(lambda: people.get("ada")) == "unknown_user"
    assert code_of(lambda: people.remove("ada")) == "unknown_user"


@pytest.mark.parametrize("name", ["eve", "", "no such \x00 name"])
def test_every_verb_about_nobody_says_so(people: People, ada: User, name: str):
    for verb in (
        lambda: people.get(name),
        lambda: people.set_role(name, Role.ADMIN),
        lambda: people.set_password(name, NEW),
        lambda: people.disable(name),
        lambda: people.enable(name),
        lambda: people.remove(name),
    ):
        assert code_of(verb) == "unknown_user"


def test_a_line_of_the_audit_is_kept_with_its_time(store: FakeAccessStore, clock: MovableClock):
    audit = Audit(store, clock)
    audit.write("Ada", "session", "experiments.promote", "web", "done", "it is cheaper", HERE)
    audit.write("bob", "", "auth.login", "", "wrong_credentials")
    newest, oldest = audit.list()
    assert oldest == AuditEvent(
        START, "ada", "session", "experiments.promote", "web", "done", "it is cheaper", HERE, oldest.sequence
    )
    assert (newest.who, newest.reason) == ("bob", "")
    assert audit.list(before=newest.sequence) == audit.list(who="ada") == (oldest,)
    assert audit.list(limit=1) == (newest,)


@pytest.mark.parametrize("typed", ["My secret sentence", "p4$$w0rd!p4$$w0rd", "x" * 65, "", "\x00"])
def test_what_can_be_nobodys_name_is_not_written_down(
    store: FakeAccessStore, clock: MovableClock, typed: str
):
    Audit(store, clock).write(typed, "", "auth.login", "", "wrong_credentials")
    (event,) = store.audit_events()
    assert event.who == ""


def test_a_line_has_an_end(store: FakeAccessStore, clock: MovableClock):
    Audit(store, clock).write("ada", *["x" * 10_000] * 6)
    (event,) = store.audit_events()
    texts = (event.way, event.action, event.subject, event.outcome, event.reason, event.address)
    assert {len(text) for text in texts} == {2000}


def test_a_user_is_shown_without_his_hash():
    assert summarise_user(a_user(failures=2, locked_until=later(1))) == {
        "name": "ada",
        "role": "admin",
        "isDisabled": False,
        "hasPassword": True,
        "subject": None,
        "failures": 2,
        "lockedUntil": "2026-03-01T13:00:00.123456+00:00",
        "createdAt": "2026-03-01T12:00:00.123456+00:00",
    }
    elsewhere = summarise_user(a_user(password_hash=None, subject="https://id.example 1"))
    assert (elsewhere["hasPassword"], elsewhere["subject"]) == (False, "https://id.example 1")
    assert elsewhere["lockedUntil"] is None


def test_a_token_and_a_session_are_shown_without_their_digests():
    assert summarise_token(a_token(digest="of the secret")) == {
        "id": "tok-aaaaaaaa",
        "name": "nightly job",
        "user": "ada",
        "role": "viewer",
        "createdAt": "2026-03-01T12:00:00.123456+00:00",
        "expiresAt": "2026-03-02T12:00:00.123456+00:00",
        "usedAt": None,
        "revokedAt": None,
    }
    assert summarise_session(a_session("of the secret", address=HERE)) == {
        "user": "ada",
        "address": HERE,
        "createdAt": "2026-03-01T12:00:00.123456+00:00",
        "expiresAt": "2026-03-02T00:00:00.123456+00:00",
        "seenAt": "2026-03-01T12:00:00.123456+00:00",
    }


def test_a_line_of_the_audit_is_shown_with_null_for_what_nobody_said():
    assert summarise_audit_event(an_event("", way="", subject="", sequence=7)) == {
        "sequence": 7,
        "at": "2026-03-01T12:00:00.123456+00:00",
        "who": None,
        "way": None,
        "action": "experiments.promote",
        "subject": None,
        "outcome": "done",
        "reason": None,
        "address": None,
    }
