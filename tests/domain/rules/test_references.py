"""What counts as a secret by reference."""

import pytest

from phoenix.domain.rules.references import is_reference, variables, without_files


@pytest.mark.parametrize(
    "text",
    [
        "${env:KEY}",
        "${KEY}",
        "Bearer ${env:KEY}",
        "${env:KEY:-}",
        "${env:KEY:-${env:OLD_KEY}}",
        "${file:/etc/phoenix/key}",
        "${file:${env:CREDENTIALS_DIRECTORY}/key}",
        "$$${env:KEY}",
    ],
)
def test_a_value_from_the_environment_or_a_file_is_a_reference(text):
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "$KEY",
        "$${env:KEY}",
        "$$$${env:KEY}",
        "${env:KEY:-abc}",
        "${yaml:abc}",
        "${env:}",
        "${",
        "${env:A}${env:B:-b}",
    ],
)
def test_whatever_stands_in_the_configuration_itself_is_none(text):
    assert not is_reference(text)


def test_variables_are_told_with_whether_they_have_a_default():
    text = "${env:A} ${B:-b} $${env:C} ${file:/d} ${env:E:-}"
    assert variables(text) == (("A", False), ("B", True), ("E", True))


def test_files_are_stood_in_for_where_they_are_not():
    tree = {"a": ["Bearer ${file:/k}", 1], "b": "$${file:/k}", "c": "${file:${env:D}/k}${env:X}", "d": None}
    assert without_files(tree) == {
        "a": ["Bearer file", 1],
        "b": "$${file:/k}",
        "c": "file${env:X}",
        "d": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        "${${env:X:-file}:/secret}",
        "${fi${env:X:-le}:/secret}",
        "${env:X:-$}{file:/secret}",
        '${env:X:-"\\x24"}{file:/secret}',
        '${yaml:"\\x24"}{file:/secret}',
        "${file:/a${env:X:-${env:Y}}}",
        "$$${file:/secret}",
        "${env:X:-${file:/secret}}",
        '${yaml:"${file:/secret}"}',
        "a} ${file:/secret}",
    ],
)
def test_no_detour_leads_to_a_file(text):
    assert without_files({"a": text}) != {"a": text}
    assert "${file" not in str(without_files(text))
    assert "${$" not in str(without_files(text))


@pytest.mark.parametrize(
    "text",
    [
        "${env:A}",
        "${A}",
        "${env:A:-b c}",
        "${env:A:-${env:B}}",
        "${env:A:-x${B:-y}z}",
        "$${1}",
        "$$$${file:/a}",
        "${yaml:5}",
        "a } ${ b",
        "${env:A",
        "^(a|b)$",
    ],
)
def test_what_leads_to_none_stays_as_it_is(text):
    assert without_files(text) == text


@pytest.mark.parametrize(
    "text", ["${" * 200_000, "${" * 200_000 + "}" * 200_000, "${env:A:-" * 100_000 + "}" * 100_000]
)
def test_nobody_waits_for_a_hostile_text(text):
    assert isinstance(without_files(text), str)
