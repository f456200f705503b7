"""Tokens for programs, and who it is that shows one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.access.people import Principal, SignInWay, Token
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import digest
from phoenix.domain.errors import SpecError, StateError
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from phoenix.services.access.tokens import Tokens
from tests.fakes.access import FakeAccessStore
from tests.support.cheap_passwords import CountedPasswords
from tests.support.clocks import START, MovableClock
from tests.support.people import a_user

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
ADMIN, OPERATOR, VIEWER = Role.ADMIN, Role.OPERATOR, Role.VIEWER


def principal(name: str, role: Role) -> Principal:
    return Principal(name, role, SignInWay.SESSION, "d")


@pytest.fixture(autouse=True)
def _people(store: FakeAccessStore) -> None:
    for name, role in (("root", ADMIN), ("ada", OPERATOR), ("bob", OPERATOR)):
        store.add_user(a_user(name, role))


def test_a_token_has_a_secret_that_says_what_it_is(tokens: Tokens):
    token, secret = tokens.create("ada", " nightly job ", VIEWER, 90 * DAY)
    assert secret.startswith("phx_")
    assert len(secret) == 47
    assert token == Token(token.id, "nightly job", "ada", digest(secret), VIEWER, START, START + 90 * DAY)
    assert token.id.startswith("tok-")
    assert len(token.id) == 12
    assert tokens.list() == tokens.list("ada") == (token,)
    assert tokens.list("bob") == ()


@pytest.mark.parametrize(("owner", "role"), [("ada", ADMIN), ("bob", ADMIN)])
def test_a_token_may_not_be_more_than_its_owner(tokens: Tokens, owner: str, role: Role):
    with pytest.raises(SpecError) as caught:
        tokens.create(owner, "job", role, DAY)
    assert caught.value.code == "role_too_high"
    assert caught.value.hint == "give it operator at most"
    assert tokens.list() == ()


@pytest.mark.parametrize("lifetime", [timedelta(minutes=1), timedelta(days=366)])
def test_the_shortest_and_the_longest_lifetime_are_given(tokens: Tokens, lifetime: timedelta):
    token, _ = tokens.create("ada", "job", VIEWER, lifetime)
    assert token.expires_at - token.created_at == lifetime


@pytest.mark.parametrize(
    "lifetime", [timedelta(minutes=1) - TICK, timedelta(days=366) + TICK, -DAY, timedelta(0), timedelta.max]
)
def test_other_lifetimes_are_refused(tokens: Tokens, lifetime: timedelta):
    with pytest.raises(SpecError) as caught:
        tokens.create("ada", "job", VIEWER, lifetime)
    assert caught.value.code == "invalid_lifetime"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "nul\x00", "\udcff"])
def test_a_name_that_says_nothing_is_refused(tokens: Tokens, name: str):
    with pytest.raises(SpecError) as caught:
        tokens.create("ada", name, VIEWER, DAY)
    assert caught.value.code == "invalid_token_name"


def test_nobody_has_no_tokens(tokens: Tokens):
    with pytest.raises(StateError, match="no user 'eve'"):
        tokens.create("eve", "job", VIEWER, DAY)


def test_it_is_its_owner_with_at_most_its_role(tokens: Tokens, signing_in: SigningIn):
    token, secret = tokens.create("ada", "job", VIEWER, DAY)
    assert signing_in.of_token(secret) == Principal("ada", VIEWER, SignInWay.TOKEN, token.id)


@pytest.mark.parametrize("other", ["", "phx_", "phx_guessed", "guessed", "phx_\x00"])
def test_another_secret_is_nobodys(tokens: Tokens, signing_in: SigningIn, other: str):
    _, secret = tokens.create("ada", "job", VIEWER, DAY)
    assert signing_in.of_token(other) is None
    for near in (secret[4:], secret + " ", secret.upper(), "phx_" + digest(secret), digest(secret)):
        assert signing_in.of_token(near) is None
    assert signing_in.of_session(secret) is None, "a token is no session"


def test_it_ends_with_its_time(tokens: Tokens, signing_in: SigningIn, clock: MovableClock):
    _, secret = tokens.create("ada", "job", VIEWER, DAY)
    clock.forward(DAY - TICK)
    assert signing_in.of_token(secret)
    clock.forward(TICK)
    assert signing_in.of_token(secret) is None


def test_its_use_is_written_down_once_a_minute(tokens: Tokens, signing_in: SigningIn, clock: MovableClock):
    _, secret = tokens.create("ada", "job", VIEWER, DAY)
    used: list[object] = []
    for _ in range(5):
        signing_in.of_token(secret)
        used.append(tokens.list()[0].used_at)
        clock.forward(timedelta(seconds=30))
    minute = timedelta(minutes=1)
    assert used == [START, START, START + minute, START + minute, START + 2 * minute]


def test_what_is_refused_was_not_used(tokens: Tokens, signing_in: SigningIn, clock: MovableClock):
    token, secret = tokens.create("ada", "job", VIEWER, DAY)
    tokens.revoke(token.id, principal("ada", OPERATOR))
    signing_in.of_token(secret)
    assert tokens.list()[0].used_at is None


def test_it_ends_when_it_is_revoked(tokens: Tokens, signing_in: SigningIn, clock: MovableClock):
    token, secret = tokens.create("ada", "job", VIEWER, DAY)
    _, other = tokens.create("ada", "job", VIEWER, DAY)
    clock.forward(TICK)
    assert tokens.revoke(token.id, principal("ada", OPERATOR)).revoked_at == START + TICK
    assert signing_in.of_token(secret) is None
    assert signing_in.of_token(other) is not None


def test_it_holds_no_longer_than_its_owner_may_sign_in(tokens: Tokens, signing_in: SigningIn, people: People):
    _, secret = tokens.create("ada", "job", VIEWER, DAY)
    people.disable("ada")
    assert signing_in.of_token(secret) is None
    people.enable("ada")
    assert signing_in.of_token(secret) is not None
    people.remove("ada")
    assert signing_in.of_token(secret) is None


def test_it_loses_what_its_owner_loses_and_never_gains(tokens: Tokens, signing_in: SigningIn, people: People):
    _, secret = tokens.create("ada", "job", OPERATOR, DAY)
    found: list[Role] = []
    for role in (OPERATOR, VIEWER, ADMIN):
        people.set_role("ada", role)
        now = signing_in.of_token(secret)
        assert now is not None
        found.append(now.role)
    assert found == [OPERATOR, VIEWER, OPERATOR]


def test_an_admin_revokes_anybodys(tokens: Tokens):
    token, _ = tokens.create("ada", "job", VIEWER, DAY)
    assert tokens.revoke(token.id, principal("root", ADMIN)).revoked_at == START


def test_others_are_not_told_that_it_is_there(tokens: Tokens):
    token, _ = tokens.create("ada", "job", VIEWER, DAY)
    for by in (principal("bob", OPERATOR), principal("root", VIEWER)):
        with pytest.raises(StateError) as there:
            tokens.revoke(token.id, by)
        with pytest.raises(StateError) as not_there:
            tokens.revoke("tok-00000000", by)
        assert there.value.code == not_there.value.code == "unknown_token"
        assert there.value.hint == not_there.value.hint
        assert there.value.message == not_there.value.message.replace("tok-00000000", token.id)
    assert tokens.list() == (token,)


ROLES = st.sampled_from(Role)


@given(at_first=ROLES, wanted=ROLES, later=st.lists(ROLES, max_size=4))
def test_no_history_of_roles_makes_a_token_more_than_its_owner(
    at_first: Role, wanted: Role, later: list[Role]
):
    store, clock = FakeAccessStore(), MovableClock()
    store.add_user(a_user("root"))
    store.add_user(a_user("ada", at_first))
    tokens, signing_in = Tokens(store, clock), SigningIn(store, CountedPasswords(), clock)
    try:
        token, secret = tokens.create("ada", "job", wanted, DAY)
    except SpecError:
        assert wanted.rank > at_first.rank
        return
    assert wanted.rank <= at_first.rank
    for role in [at_first, *later]:
        store.set_role("ada", role)
        now = signing_in.of_token(secret)
        assert now is not None
        assert now.role.rank == min(role.rank, token.role.rank)
