"""What the tests of these services share: people in memory, a clock that is moved, passwords that cost nothing."""

import pytest

from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from phoenix.services.access.tokens import Tokens
from tests.fakes.access import FakeAccessStore
from tests.support.cheap_passwords import CountedPasswords
from tests.support.clocks import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def store() -> FakeAccessStore:
    return FakeAccessStore()


@pytest.fixture
def passwords() -> CountedPasswords:
    return CountedPasswords()


@pytest.fixture
def signing_in(store, passwords, clock) -> SigningIn:
    return SigningIn(store, passwords, clock)


@pytest.fixture
def people(store, passwords, clock) -> People:
    return People(store, passwords, clock)


@pytest.fixture
def tokens(store, clock) -> Tokens:
    return Tokens(store, clock)
