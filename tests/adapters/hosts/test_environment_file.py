"""The file that gives a collector its variables, read by a real sh; test_systemd.py has systemd's side."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.adapters.hosts.binary import _WITH_ENVIRONMENT
from phoenix.adapters.hosts.environments import environment_in, environment_text, without_secrets
from phoenix.domain.errors import SpecError

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"), include_characters="\t"), max_size=60)
SHELLS = st.text(st.sampled_from("'\"$`\\{}()!*~#;&|<> \tnx0%=-é🎉"), max_size=40)


@settings(max_examples=150, deadline=None)
@given(values=st.lists(TEXT | SHELLS, min_size=1, max_size=8))
def test_any_line_of_text_comes_out_of_sh_and_out_of_the_file_as_it_went_in(values):
    environ = {f"V{number}": value for number, value in enumerate(values)}
    text = environment_text(environ)
    assert environment_in(text) == environ
    command = ["sh", "-c", _WITH_ENVIRONMENT, "sh", "/dev/stdin", "env", "-0"]
    out = subprocess.run(command, input=text.encode(), capture_output=True, check=True, env={}).stdout
    pairs = (entry.decode().partition("=") for entry in out.split(b"\0") if entry)
    assert {name: value for name, _, value in pairs if name in environ} == environ


@pytest.mark.parametrize(
    "value", ["a\nb", "a\r", "\0", "\x1b[31m", "\x7f", "\x85", "\udcff", "\ufdd0", "\U0001ffff"]
)
def test_what_is_no_line_of_text_is_refused_without_its_value(value):
    with pytest.raises(SpecError) as refusal:
        environment_text({"THEIR_KEY": f"hidden{value}"})
    assert refusal.value.code == "invalid_variable"
    assert "THEIR_KEY" in refusal.value.message
    assert "hidden" not in repr((refusal.value.message, refusal.value.hint, refusal.value.details))


def test_secrets_are_hidden_by_their_names_the_longer_ones_first():
    secrets = {"A": "key-of-a", "LONGER": "key-of-a-and-b", "SHORT": "http"}
    told = without_secrets("http: key-of-a-and-b, key-of-a.", secrets)
    assert told == "http: ${env:LONGER}, ${env:A}."
