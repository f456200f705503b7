"""Passwords as they are kept."""

import threading

import pytest
from argon2 import Parameters, Type, extract_parameters
from argon2.exceptions import HashingError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from phoenix.adapters.passwords import Passwords
from phoenix.domain.errors import DependencyError
from tests.support.cheap_passwords import CHEAP
from tests.support.waiting import eventually

RIGHT = "correct horse battery"
DEARER = Parameters(Type.ID, 19, 16, 32, time_cost=2, memory_cost=8, parallelism=1)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


def test_by_default_it_is_argon2id_with_the_low_memory_profile_of_rfc_9106():
    passwords = Passwords()
    kept = passwords.hash(RIGHT)
    assert extract_parameters(kept) == RFC_9106_LOW_MEMORY
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.is_right(RIGHT, kept)
    assert not passwords.is_right(RIGHT + "!", kept)


def test_only_the_password_itself_is_right(passwords: Passwords):
    kept = passwords.hash(RIGHT)
    assert passwords.is_right(RIGHT, kept)
    for wrong in ("", RIGHT.upper(), RIGHT + " ", RIGHT[:-1], kept):
        assert not passwords.is_right(wrong, kept)


def test_the_same_password_is_never_kept_the_same(passwords: Passwords):
    assert len({passwords.hash(RIGHT) for _ in range(10)}) == 10


def test_how_a_keyboard_composes_a_letter_makes_no_difference(passwords: Passwords):
    one_character, two_characters = "\u00e9", "e\u0301"
    assert passwords.is_right(12 * one_character, passwords.hash(12 * two_characters))


@pytest.mark.parametrize("typed", ["\ud800 lone surrogate", "nul \x00 inside", "x" * 100_000])
def test_whatever_is_typed_is_only_wrong(passwords: Passwords, typed: str):
    assert not passwords.is_right(typed, passwords.hash(RIGHT))
    assert passwords.is_right(typed, passwords.hash(typed))


def test_nobodys_password_costs_what_a_real_one_does(passwords: Passwords):
    real = extract_parameters(passwords.hash(RIGHT))
    assert extract_parameters(passwords._nobodys) == real == CHEAP
    assert not passwords.is_right(RIGHT, None)


@pytest.mark.parametrize(
    "damaged", ["", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$?$?", "$2b$12$abcdefghijklmnopqrstuv"]
)
def test_a_hash_that_cannot_be_read_is_nobodys(passwords: Passwords, damaged: str):
    assert not passwords.is_right(RIGHT, damaged)


def test_a_hash_of_another_profile_is_right_and_needs_to_be_made_anew(passwords: Passwords):
    kept = passwords.hash(RIGHT)
    assert not passwords.needs_rehash(kept)
    dearer = Passwords(DEARER)
    assert dearer.is_right(RIGHT, kept)
    assert dearer.needs_rehash(kept)


class WithoutMemory:
    def hash(self, _: object) -> str:
        raise HashingError("Memory allocation error")

    def verify(self, _kept: object, _typed: object) -> bool:
        raise VerificationError("Memory allocation error")


def test_want_of_memory_is_no_wrong_password(passwords: Passwords, monkeypatch: pytest.MonkeyPatch):
    kept = passwords.hash(RIGHT)
    monkeypatch.setattr(passwords, "_hasher", WithoutMemory())
    for verb in (
        lambda: passwords.hash(RIGHT),
        lambda: passwords.is_right(RIGHT, kept),
        lambda: passwords.is_right(RIGHT, None),
    ):
        with pytest.raises(DependencyError) as caught:
            verb()
        assert caught.value.code == "password_not_checked"
        assert RIGHT not in str((caught.value, caught.value.__cause__, caught.value.details))


def test_no_more_than_so_many_are_worked_on_at_once():
    at_work, most, go_on = 0, 0, threading.Event()
    lock = threading.Lock()

    class Slow(Passwords):
        def _verify(self, *_: object) -> bool:
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
            go_on.wait(60)
            with lock:
                at_work -= 1
            return False

    passwords = Slow(CHEAP, most_at_once=2)
    guessers = [threading.Thread(target=passwords.is_right, args=(RIGHT, None)) for _ in range(8)]
    for guesser in guessers:
        guesser.start()
    eventually(lambda: at_work == 2, what="two at work")
    go_on.set()
    for guesser in guessers:
        guesser.join(60)
    assert most == 2


def test_a_turn_is_given_back_when_the_work_fails(monkeypatch: pytest.MonkeyPatch):
    passwords = Passwords(CHEAP, most_at_once=1)
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "_hasher", WithoutMemory())
        for _ in range(3):
            with pytest.raises(DependencyError):
                passwords.is_right(RIGHT, None)
            with pytest.raises(DependencyError):
                passwords.hash(RIGHT)
    assert passwords.hash(RIGHT)
