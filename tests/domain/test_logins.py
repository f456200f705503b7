"""What logs in to a host shows in no text, and is refused without being repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.errors import SpecError
from phoenix.domain.logins import Lent, SshLogin, TargetBlock

BODY = "b3BlbnNzaC1rZXk="


def key(kind: str = "OPENSSH ") -> str:
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{BODY}\n-----END {kind}PRIVATE KEY-----\n"


@pytest.mark.parametrize("kind", ["OPENSSH ", "RSA ", "EC ", "", "ENCRYPTED "])
def test_a_private_key_of_any_kind_is_taken(kind):
    login = SshLogin(key(kind), known_hosts="web ssh-ed25519 AAAA")
    assert login
    for shown in (login, Lent("block:web", login), TargetBlock("ssh://web", login)):
        assert BODY not in f"{shown} {shown!r}"


def test_nothing_is_nothing():
    assert not SshLogin()
    assert SshLogin(known_hosts="web ssh-ed25519 AAAA")


def test_a_key_that_lost_its_line_breaks_in_a_form_gets_them_back():
    whole = key().replace(BODY, "\n".join("A" * 70 for _ in range(3)) + "\n" + BODY)
    assert SshLogin(whole).key_file() == whole
    assert SshLogin(whole.replace("\n", "")).key_file() == whole


@pytest.mark.parametrize(
    "make",
    [
        lambda: SshLogin(f"ssh-ed25519 {BODY}"),
        lambda: SshLogin(key().replace("PRIVATE", "PUBLIC")),
        lambda: SshLogin(key().rpartition("-----END")[0]),
        lambda: SshLogin(key("RSA ").replace("END RSA", "END EC")),
        lambda: SshLogin(passphrase=BODY),
        lambda: SshLogin(key().replace(BODY, BODY * 10_000)),
        lambda: SshLogin(known_hosts=f"{BODY}\0"),
    ],
)
def test_what_is_no_login_is_refused_and_not_repeated(make):
    with pytest.raises(SpecError) as caught:
        make()
    assert caught.value.code == "invalid_login"
    assert BODY not in f"{caught.value.message} {caught.value.hint}"


@given(st.text(max_size=200), st.text(max_size=20))
def test_no_refusal_repeats_a_long_word_of_what_it_refuses(private_key, passphrase):
    with pytest.raises(SpecError) as caught:
        SshLogin(f"{private_key}{BODY}", passphrase)
    assert BODY not in caught.value.message + caught.value.hint
