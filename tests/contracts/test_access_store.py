"""The contract of `AccessStore`, over the fake and over the real one on each database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from sqlalchemy import Engine

from phoenix.adapters.access_store import AccessStore, Answer
from phoenix.adapters.store.access import SqlAccessStore
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import StateError
from tests.fakes.access import FakeAccessStore
from tests.support.clocks import START
from tests.support.people import a_session, a_token, a_user, an_event, an_invitation, later

BOB = a_user("bob", Role.OPERATOR)
NEW = "$argon2id$new"
ANSWER = Answer(201, (("content-type", "application/json"), ("location", "/x")), b'{"id": "\x00\xff"}')


@pytest.fixture
def store(database: Engine | None) -> AccessStore:
    return FakeAccessStore() if database is None else SqlAccessStore(database)


@pytest.fixture
def peopled(store: AccessStore) -> AccessStore:
    """Ada is an admin, Bob an operator."""
    store.add_user(a_user())
    store.add_user(BOB)
    return store


def refused(code: str, verb: Callable[[], object]) -> StateError:
    with pytest.raises(StateError) as caught:
        verb()
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "user",
    [
        a_user(),
        a_user("o.hara+x@example-1", Role.VIEWER, password_hash=None, subject="https://id.example größe"),
        a_user(role=Role.OPERATOR, is_disabled=True, failures=3, locked_until=later(1)),
    ],
)
def test_a_user_comes_back_as_he_was(store: AccessStore, user):
    store.add_user(user)
    assert store.user(user.name) == user
    assert store.users() == (user,)


def test_moments_come_back_in_utc_and_need_a_zone(store: AccessStore):
    store.add_user(a_user(created_at=START.astimezone(timezone(timedelta(hours=5)))))
    assert store.user("ada").created_at.utcoffset() == timedelta(0)
    assert store.user("ada").created_at == START
    naive = START.replace(tzinfo=None)
    for verb in (
        lambda: store.add_user(a_user("bob", created_at=naive)),
        lambda: store.open_session(a_session(seen_at=naive)),
        lambda: store.touch_session("d1", naive),
        lambda: store.touch_token("tok-aaaaaaaa", naive),
        lambda: store.revoke_token("tok-aaaaaaaa", naive),
        lambda: store.failed("ada", most=1, lock_until=naive),
        lambda: store.begin_request("k", "f", naive, forget_before=START),
    ):
        with pytest.raises(ValueError, match="time zone"):
            verb()


@pytest.mark.parametrize("text", ["a\x00", "a\udcff"])
def test_what_would_come_back_otherwise_is_refused_and_nobody_has_it(peopled: AccessStore, text: str):
    for verb in (
        lambda: peopled.add_user(a_user(text)),
        lambda: peopled.add_user(a_user("eve", subject=text)),
        lambda: peopled.add_token(a_token(text)),
    ):
        with pytest.raises(ValueError, match="as it is"):
            verb()
    refused("unknown_user", lambda: peopled.user(text))
    refused("unknown_token", lambda: peopled.revoke_token(text, START))
    assert peopled.user_of_subject(text) is None
    assert peopled.session(text) is None
    assert peopled.token_of(text) is None
    assert peopled.tokens(text) == ()
    assert peopled.audit_events(who=text) == ()


def test_a_name_is_given_once(peopled: AccessStore):
    error = refused("user_exists", lambda: peopled.add_user(a_user(password_hash=NEW)))
    assert "ada" in error.message
    assert peopled.user("ada") == a_user()


def test_an_identity_belongs_to_one_user_and_many_have_none(peopled: AccessStore):
    eve = a_user("eve", subject="https://id.example 7", password_hash=None)
    peopled.add_user(eve)
    assert peopled.user_of_subject("https://id.example 7") == eve
    assert peopled.user_of_subject("https://id.example 8") is None
    assert peopled.user_of_subject("") is None
    refused("user_exists", lambda: peopled.add_user(replace(eve, name="eve2")))


def test_users_are_by_name_as_code_points(store: AccessStore):
    names = ["web-2", "b", "a.b", "a-b", "ab", "a_b"]
    for name in names:
        store.add_user(a_user(name))
    assert [user.name for user in store.users()] == sorted(names)


UNKNOWN: list[Callable[[AccessStore], object]] = [
    lambda store: store.user("eve"),
    lambda store: store.set_role("eve", Role.ADMIN),
    lambda store: store.set_role("eve", Role.VIEWER),
    lambda store: store.set_password("eve", "x"),
    lambda store: store.set_disabled("eve", is_disabled=True),
    lambda store: store.set_disabled("eve", is_disabled=False),
    lambda store: store.remove_user("eve"),
    lambda store: store.failed("eve", most=5, lock_until=START),
    lambda store: store.succeeded("eve"),
    lambda store: store.open_session(a_session(user="eve")),
    lambda store: store.close_sessions("eve"),
    lambda store: store.add_token(a_token(user="eve")),
]


@pytest.mark.parametrize("verb", UNKNOWN)
def test_every_verb_about_somebody_who_is_not_there_is_refused(peopled: AccessStore, verb):
    error = refused("unknown_user", lambda: verb(peopled))
    assert error.message == "There is no user 'eve'."
    assert peopled.users() == (a_user(), BOB)


def test_a_role_changes(peopled: AccessStore):
    peopled.set_role("bob", Role.ADMIN)
    assert peopled.user("bob") == replace(BOB, role=Role.ADMIN)
    peopled.set_role("ada", Role.VIEWER)
    assert peopled.user("ada").role is Role.VIEWER


LOSING: list[Callable[[AccessStore], object]] = [
    lambda store: store.set_role("ada", Role.OPERATOR),
    lambda store: store.set_disabled("ada", is_disabled=True),
    lambda store: store.remove_user("ada"),
]


@pytest.mark.parametrize("lose", LOSING)
def test_the_last_enabled_admin_stays(peopled: AccessStore, lose):
    peopled.add_user(a_user("eve", is_disabled=True))
    peopled.open_session(a_session())
    error = refused("last_admin", lambda: lose(peopled))
    assert "ada" in error.message
    assert peopled.user("ada") == a_user()
    assert peopled.session("d1") == a_session()


@pytest.mark.parametrize("lose", LOSING)
def test_one_of_two_admins_may_go(peopled: AccessStore, lose):
    peopled.add_user(a_user("eve"))
    lose(peopled)
    assert peopled.has_admin()
    assert a_user() not in peopled.users()


def test_others_may_go_where_there_is_no_enabled_admin(store: AccessStore):
    store.add_user(BOB)
    store.add_user(a_user(is_disabled=True))
    assert not store.has_admin()
    store.set_role("ada", Role.VIEWER)
    store.set_disabled("bob", is_disabled=True)
    store.remove_user("bob")
    assert [user.name for user in store.users()] == ["ada"]


def test_there_is_an_admin_while_one_is_enabled(store: AccessStore):
    assert not store.has_admin()
    store.add_user(a_user(is_disabled=True))
    store.add_user(BOB)
    assert not store.has_admin()
    store.set_disabled("ada", is_disabled=False)
    assert store.has_admin()


def test_a_new_password_ends_his_sessions_and_the_lock_but_nobody_elses(peopled: AccessStore):
    peopled.open_session(a_session())
    peopled.open_session(a_session("d2", "bob"))
    peopled.failed("ada", most=1, lock_until=later(1))
    peopled.failed("ada", most=5, lock_until=later(1))
    peopled.set_password("ada", NEW)
    assert peopled.user("ada") == a_user(password_hash=NEW)
    assert peopled.session("d1") is None
    assert peopled.session("d2") is not None


def test_a_password_that_somebody_else_replaced_first_is_not_replaced(peopled: AccessStore):
    peopled.open_session(a_session())
    seen = "$argon2id$seen-before"
    refused("password_changed", lambda: peopled.set_password("ada", NEW, instead_of=seen))
    assert peopled.user("ada") == a_user()
    assert peopled.session("d1") is not None
    peopled.set_password("ada", NEW, instead_of="$argon2id$of-ada")
    assert peopled.user("ada").password_hash == NEW


def test_who_is_disabled_has_no_session_and_is_enabled_without_one(peopled: AccessStore):
    peopled.open_session(a_session("d2", "bob"))
    peopled.add_token(a_token(user="bob"))
    peopled.set_disabled("bob", is_disabled=True)
    assert peopled.user("bob").is_disabled
    peopled.set_disabled("bob", is_disabled=False)
    assert peopled.user("bob") == BOB
    assert peopled.session("d2") is None
    assert peopled.tokens() == (a_token(user="bob"),), "a token is revoked by name only"


def test_who_is_removed_takes_what_he_was_given_and_his_name_is_free(peopled: AccessStore):
    for user, number in (("ada", 1), ("bob", 2)):
        peopled.open_session(a_session(f"d{number}", user))
        peopled.add_token(a_token(f"tok-{number}", user))
    peopled.audit(an_event("bob"))
    peopled.remove_user("bob")
    assert peopled.session("d2") is None
    assert peopled.session("d1") is not None
    assert [token.id for token in peopled.tokens()] == ["tok-1"]
    assert [event.who for event in peopled.audit_events()] == ["bob"]
    peopled.add_user(a_user("bob", Role.VIEWER))
    assert peopled.tokens("bob") == ()


def test_failures_count_up_lock_and_start_anew(peopled: AccessStore):
    for count in (1, 2):
        assert peopled.failed("ada", most=3, lock_until=later(1)) == a_user(failures=count)
    locked = a_user(failures=0, locked_until=later(1))
    assert peopled.failed("ada", most=3, lock_until=later(1)) == locked
    assert peopled.user("ada") == locked
    assert peopled.failed("ada", most=3, lock_until=later(9)) == replace(locked, failures=1)
    peopled.succeeded("ada")
    assert peopled.user("ada") == a_user()
    assert peopled.user("bob") == BOB


def test_a_session_comes_back_as_it_was_until_it_is_closed(peopled: AccessStore):
    session = a_session(address="2001:db8::1")
    peopled.open_session(session)
    assert peopled.session("d1") == session
    assert peopled.session("D1") is None
    for _ in range(2):
        peopled.close_session("d1")
        assert peopled.session("d1") is None


def test_an_address_of_any_bytes_never_keeps_somebody_from_signing_in(peopled: AccessStore):
    peopled.open_session(a_session(address="\x00\udcff"))
    session = peopled.session("d1")
    assert session is not None
    assert session.address == "\\x00\\udcff"


def test_a_digest_is_given_once(peopled: AccessStore):
    peopled.open_session(a_session())
    refused("duplicate_secret", lambda: peopled.open_session(a_session(user="bob")))
    assert peopled.session("d1") == a_session()


def test_a_session_is_seen_later_and_never_earlier(peopled: AccessStore):
    peopled.open_session(a_session())
    for at, seen in ((later(2), later(2)), (later(1), later(2)), (later(3), later(3))):
        peopled.touch_session("d1", at)
        assert peopled.session("d1") == a_session(seen_at=seen)
    peopled.touch_session("closed", later(1))
    assert peopled.session("closed") is None


def test_all_sessions_of_one_user_are_closed(peopled: AccessStore):
    for digest, user in (("d1", "ada"), ("d2", "bob"), ("d3", "ada")):
        peopled.open_session(a_session(digest, user))
    peopled.close_sessions("ada")
    assert [digest for digest in ("d1", "d2", "d3") if peopled.session(digest)] == ["d2"]


def test_sessions_that_expired_before_are_forgotten_and_counted(peopled: AccessStore):
    for hours in (1, 2, 3):
        peopled.open_session(a_session(f"d{hours}", expires_at=later(hours)))
    assert peopled.forget_sessions(later(3)) == 2
    assert peopled.forget_sessions(later(3)) == 0
    assert peopled.session("d3") is not None


def test_a_token_comes_back_as_it_was(peopled: AccessStore):
    token = a_token(role=Role.ADMIN, used_at=later(1), revoked_at=later(2))
    peopled.add_token(token)
    assert peopled.token_of(token.digest) == token
    assert peopled.token_of("of another") is None


def test_an_id_and_a_digest_of_a_token_are_given_once(peopled: AccessStore):
    peopled.add_token(a_token())
    refused("duplicate_secret", lambda: peopled.add_token(a_token(user="bob", digest="other")))
    same = a_token("tok-bbbbbbbb", "bob", digest=a_token().digest)
    refused("duplicate_secret", lambda: peopled.add_token(same))
    assert peopled.tokens() == (a_token(),)


def test_tokens_are_newest_first_of_one_or_of_all(peopled: AccessStore):
    for number, user, hours in ((1, "ada", 1), (2, "bob", 3), (3, "ada", 2), (4, "ada", 2)):
        peopled.add_token(a_token(f"tok-{number}", user, created_at=later(hours)))
    assert [token.id for token in peopled.tokens()] == ["tok-2", "tok-4", "tok-3", "tok-1"]
    assert [token.id for token in peopled.tokens("ada")] == ["tok-4", "tok-3", "tok-1"]
    assert peopled.tokens("eve") == ()


def test_a_token_is_used_later_and_never_earlier(peopled: AccessStore):
    peopled.add_token(a_token())
    for at, used in ((later(2), later(2)), (later(1), later(2)), (later(3), later(3))):
        peopled.touch_token(a_token().id, at)
        assert peopled.tokens() == (a_token(used_at=used),)
    peopled.touch_token("tok-unknown", later(1))


def test_the_first_revocation_stands(peopled: AccessStore):
    peopled.add_token(a_token())
    revoked = a_token(revoked_at=later(1))
    assert peopled.revoke_token(revoked.id, later(1)) == revoked
    assert peopled.revoke_token(revoked.id, later(2)) == revoked
    assert peopled.tokens() == (revoked,)
    refused("unknown_token", lambda: peopled.revoke_token("tok-unknown", later(1)))


def test_an_invitation_makes_one_user_with_its_role(store: AccessStore):
    store.invite(an_invitation(role=Role.ADMIN))
    store.accept("i1", later(1), a_user(role=Role.VIEWER))
    assert store.users() == (a_user(role=Role.ADMIN),)
    refused("invitation_over", lambda: store.accept("i1", later(1), a_user("eve")))
    assert store.users() == (a_user(role=Role.ADMIN),)


def test_an_invitation_ends_with_its_time(store: AccessStore):
    store.invite(an_invitation(expires_at=later(2)))
    refused("invitation_over", lambda: store.accept("i1", later(2), a_user()))
    store.accept("i1", later(2) - timedelta(microseconds=1), a_user())


def test_the_newest_link_is_the_only_one(store: AccessStore):
    store.invite(an_invitation("i1"))
    store.invite(an_invitation("i2"))
    refused("invitation_over", lambda: store.accept("i1", START, a_user()))
    store.accept("i2", START, a_user())


def test_a_link_that_does_not_hold_tells_nothing_about_names(peopled: AccessStore):
    peopled.invite(an_invitation())
    taken = refused("invitation_over", lambda: peopled.accept("i2", START, a_user()))
    free = refused("invitation_over", lambda: peopled.accept("i2", START, a_user("eve")))
    assert (taken.message, taken.hint) == (free.message, free.hint)


def test_a_taken_name_leaves_the_invitation_as_it_was(peopled: AccessStore):
    peopled.invite(an_invitation(role=Role.OPERATOR))
    refused("user_exists", lambda: peopled.accept("i1", START, a_user("bob")))
    assert peopled.user("bob") == BOB
    peopled.accept("i1", START, a_user("eve"))
    assert peopled.user("eve").role is Role.OPERATOR


def test_the_audit_is_newest_first_by_page_and_by_name(store: AccessStore):
    for number in range(5):
        store.audit(an_event("ada" if number % 2 else "bob", subject=str(number)))
    newest = store.audit_events(limit=2)
    assert [event.subject for event in newest] == ["4", "3"]
    older = store.audit_events(before=newest[-1].sequence)
    assert [event.subject for event in older] == ["2", "1", "0"]
    assert [event.subject for event in store.audit_events(who="ada")] == ["3", "1"]
    assert [event.subject for event in store.audit_events(who="ada", before=newest[-1].sequence)] == ["1"]
    assert store.audit_events(who="AD%") == ()


def test_an_event_comes_back_as_it_was_but_for_its_sequence(store: AccessStore):
    event = an_event("", way="", reason="größer", address="::1", outcome="wrong_credentials", sequence=77)
    store.audit(event)
    (kept,) = store.audit_events()
    assert replace(kept, sequence=77) == event
    assert kept.sequence >= 1


def test_whatever_a_stranger_typed_is_written_down(store: AccessStore):
    store.audit(an_event("\x00\udcff", subject="/\x00"))
    (kept,) = store.audit_events(who="\x00\udcff")
    assert (kept.who, kept.subject) == ("\\x00\\udcff", "/\\x00")


def test_a_request_is_carried_out_once_and_answered_the_same(store: AccessStore):
    assert store.begin_request("k", "f", START, forget_before=later(-24)) is None
    store.end_request("k", replace(ANSWER, headers=[list(pair) for pair in ANSWER.headers]))
    assert store.begin_request("k", "f", later(1), forget_before=later(-23)) == ANSWER
    assert store.begin_request("other", "f", later(1), forget_before=later(-23)) is None


def test_an_empty_answer_is_an_answer(store: AccessStore):
    store.begin_request("k", "f", START, forget_before=START)
    store.end_request("k", Answer(204, (), b""))
    assert store.begin_request("k", "f", START, forget_before=START) == Answer(204, (), b"")


def test_another_request_with_that_key_is_refused_whether_answered_or_not(store: AccessStore):
    store.begin_request("k", "f", START, forget_before=START)
    for answer in (None, ANSWER):
        if answer is not None:
            store.end_request("k", answer)
        refused("idempotency_key_reused", lambda: store.begin_request("k", "g", START, forget_before=START))


def test_a_request_whose_answer_never_came_stays_begun(store: AccessStore):
    store.begin_request("k", "f", START, forget_before=START)
    error = refused(
        "request_in_progress", lambda: store.begin_request("k", "f", later(1), forget_before=START)
    )
    assert error.hint.startswith("look whether it was done")


def test_a_request_that_did_nothing_may_come_again(store: AccessStore):
    store.begin_request("k", "f", START, forget_before=START)
    store.end_request("k", None)
    assert store.begin_request("k", "g", START, forget_before=START) is None


def test_keys_are_forgotten_in_time_and_not_before(store: AccessStore):
    for key, hours in (("old", 0), ("young", 1)):
        store.begin_request(key, "f", later(hours), forget_before=START)
        store.end_request(key, ANSWER)
    assert store.begin_request("old", "g", later(25), forget_before=later(1)) is None
    assert store.begin_request("young", "f", later(25), forget_before=later(1)) == ANSWER


def test_an_answer_stays_as_it_was_given(store: AccessStore):
    store.begin_request("k", "f", START, forget_before=START)
    store.end_request("k", ANSWER)
    for other in (None, Answer(500, (), b"")):
        store.end_request("k", other)
    assert store.begin_request("k", "f", START, forget_before=START) == ANSWER
    store.end_request("never begun", ANSWER)
    assert store.begin_request("never begun", "f", START, forget_before=START) is None
