"""What counts as a secret by reference."""

import pytest

from phoenix.domain.rules.references import is_reference


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
