"""Argument vectors survive the log-in shell of a host, whatever is in them."""

import shlex
import subprocess
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.adapters.machines.ssh_command import LONGEST, PID_MARK, PROBE, command_line, reporting
from phoenix.domain.errors import SpecError

WORDS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30
) | st.sampled_from(
    ["", "$(touch x)", "`id`", ";", "a b", "'", '"', "\n", "\\", "*", "~", "!!", "-oProxyCommand=id"]
)


def heard(line: str) -> bytes:
    return subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=10).stdout


@given(st.lists(WORDS, max_size=5))
@settings(max_examples=60, deadline=None)
def test_every_argument_arrives_as_it_is(words):
    # One more, for printf prints its format once even without any.
    line = command_line(["printf", "%s\\0", *words, "end"])
    assert heard(line).split(b"\0")[:-1] == [*(word.encode() for word in words), b"end"]


def test_the_probe_tells_a_shell_that_reads_quotes_from_one_that_does_not():
    assert heard(command_line(PROBE)) == PROBE[-1].encode()
    # fish takes a backslash in single quotes for an escape.
    assert "\\'" in PROBE[-1]


def test_an_environment_is_all_that_the_program_gets():
    line = command_line(["env"], env={"A": "1 $(id)\n", "B": ""})
    assert heard(line) == b"A=1 $(id)\n\nB=\n"


def test_a_lifetime_is_rounded_up_for_every_kind_of_timeout():
    words = shlex.split(command_line(["true"], sudo=True, env={}, lifetime=timedelta(seconds=1.2)))
    assert words == ["sudo", "-n", "--", "timeout", "-s", "KILL", "3", "/usr/bin/env", "-i", "true"]


def test_a_program_says_its_process_id_first():
    done = subprocess.run(
        ["sh", "-c", command_line(reporting(["sh", "-c", "echo $$"]))],
        capture_output=True,
        check=True,
        timeout=10,
    )
    assert done.stderr == PID_MARK + done.stdout


@pytest.mark.parametrize(
    "argv",
    [[], [""], ["-c"], ["A=1"], ["true", "a\0b"], ["true", "\ud800"], ["true", "x" * LONGEST]],
    ids=["none", "empty", "option", "assignment", "nul", "no-unicode", "too-long"],
)
def test_what_no_program_can_be_given_is_refused(argv):
    with pytest.raises(SpecError) as caught:
        command_line(argv)
    assert caught.value.code == "invalid_argument"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\n"])
def test_what_is_no_name_of_a_variable_is_refused(name):
    with pytest.raises(SpecError, match="variable"):
        command_line(["true"], env={name: "x"})
