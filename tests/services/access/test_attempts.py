"""How often one address may fail."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest

from phoenix.domain.access.roles import Role
from phoenix.domain.errors import DependencyError, StateError
from phoenix.services.access.attempts import Attempts, network_of
from phoenix.services.access.people import People
from phoenix.services.access.signing_in import SigningIn
from tests.support.cheap_passwords import CountedPasswords
from tests.support.clocks import MovableClock
from tests.support.waiting import eventually

RIGHT = "correct horse battery"
HERE, THERE = "192.0.2.1", "192.0.2.2"
A_QUARTER = timedelta(minutes=15)
TICK = timedelta(microseconds=1)


def fails(attempts: Attempts, address: str = HERE) -> str:
    with pytest.raises(StateError) as caught, attempts.one(address):
        raise StateError("no", code="tried")
    return caught.value.code


@pytest.fixture
def attempts(clock: MovableClock) -> Attempts:
    return Attempts(clock)


def test_after_twenty_wrong_passwords_none_is_looked_at_from_that_address(
    signing_in: SigningIn, people: People, passwords: CountedPasswords
):
    people.add("ada", Role.VIEWER, RIGHT)
    for number in range(20):
        with pytest.raises(StateError, match="wrong"):
            signing_in.sign_in(f"name-{number}", RIGHT, HERE)
    verified = passwords.verified
    with pytest.raises(StateError) as caught:
        signing_in.sign_in("ada", RIGHT, HERE)
    assert caught.value.code == "too_many_attempts"
    assert caught.value.hint == "try again in 15 min"
    assert caught.value.details == {"retryAfterSeconds": 900}
    assert passwords.verified == verified
    assert signing_in.sign_in("ada", RIGHT, THERE)


def test_links_that_do_not_hold_count_too(signing_in: SigningIn, passwords: CountedPasswords):
    codes: list[str] = []
    for _ in range(21):
        with pytest.raises(StateError) as caught:
            signing_in.accept_invitation("guessed", "eve", RIGHT, HERE)
        codes.append(caught.value.code)
    assert codes == ["invitation_over"] * 20 + ["too_many_attempts"]
    assert passwords.hashed == 20


def test_each_failure_counts_for_a_quarter_of_an_hour(attempts: Attempts, clock: MovableClock):
    for _ in range(20):
        assert fails(attempts) == "tried"
        clock.forward(timedelta(seconds=30))
    assert fails(attempts) == "too_many_attempts"
    clock.forward(timedelta(minutes=5) - TICK)
    assert fails(attempts) == "too_many_attempts"
    clock.forward(TICK)
    assert fails(attempts) == "tried"
    assert fails(attempts) == "too_many_attempts"


def test_being_refused_here_does_not_make_it_longer(attempts: Attempts, clock: MovableClock):
    for _ in range(20):
        fails(attempts)
    clock.forward(A_QUARTER - TICK)
    for _ in range(50):
        assert fails(attempts) == "too_many_attempts"
    clock.forward(TICK)
    assert fails(attempts) == "tried"


def test_what_succeeds_does_not_count_and_clears_nothing_else(attempts: Attempts):
    for _ in range(19):
        fails(attempts)
    for _ in range(50):
        with attempts.one(HERE):
            pass
    fails(attempts)
    assert fails(attempts) == "too_many_attempts"


def test_what_is_no_refusal_does_not_count(attempts: Attempts):
    for fault in (DependencyError("the database is away"), KeyboardInterrupt()):
        for _ in range(25):
            with pytest.raises(type(fault)), attempts.one(HERE):
                raise fault
    assert fails(attempts) == "tried"


def test_what_is_under_way_counts_so_that_many_at_once_are_refused(attempts: Attempts):
    start, go_on = Barrier(31), Event()

    def attempt() -> str:
        start.wait()
        try:
            with attempts.one(HERE):
                go_on.wait(60)
        except StateError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(30) as pool:
        running = [pool.submit(attempt) for _ in range(30)]
        start.wait()
        eventually(lambda: sum(one.done() for one in running) == 10, what="ten are refused at once")
        go_on.set()
        said = sorted(one.result(60) for one in running)
    assert said == ["done"] * 20 + ["too_many_attempts"] * 10
    assert fails(attempts) == "tried", "those that succeeded count no longer"


def test_addresses_are_kept_apart_up_to_a_number_of_them(clock: MovableClock):
    attempts = Attempts(clock, most_addresses=100)
    for _ in range(20):
        fails(attempts, HERE)
    for number in range(99):
        fails(attempts, f"198.51.100.{number}")
    assert fails(attempts, HERE) == "too_many_attempts"
    fails(attempts, THERE)
    assert len(attempts._failures) == 100
    for number in range(1000):
        fails(attempts, f"name-{number}")
    assert len(attempts._failures) == 100


def test_an_address_without_failures_is_not_kept(attempts: Attempts):
    with attempts.one(HERE):
        pass
    assert not attempts._failures


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_one_subscriber_is_one_address(address: str, network: str):
    assert network_of(address) == network
