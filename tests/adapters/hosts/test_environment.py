"""What a pipeline takes from the environment: its references, and the refusal of those that would be empty."""

import pytest

from phoenix.adapters.hosts.binary import demand_environment, referenced_environment
from phoenix.domain.errors import StateError
from tests.adapters.hosts.support import CONFIG, LONG, OTHER_CONFIG, launch, of_folder

SECRETIVE = OTHER_CONFIG.replace(
    "exporters: {prometheus/phoenix",
    'exporters: {otlp_http/user: {endpoint: "${env:THEIR_URL}", headers: {api-key: "${env:THEIR_KEY}"}}, prometheus/phoenix',
)


def refusal(config: str, **environ: str) -> StateError:
    with pytest.raises(StateError) as caught:
        demand_environment(config, environ)
    return caught.value


def test_every_variable_that_is_missing_is_named_at_once():
    found = refusal("a: ${env:KEY_B} ${KEY_A} ${env:KEY_B} ${env:GIVEN}", GIVEN="")
    assert found.code == "environment_missing"
    assert found.details == {"variables": ["KEY_A", "KEY_B"]}
    assert "KEY_A, KEY_B" in found.message
    assert found.hint == "export KEY_A KEY_B in the shell that starts it"


@pytest.mark.parametrize("text", ["${env:KEY:-else}", "${KEY:-}", "$${env:KEY}", "$$$${KEY}", "$KEY"])
def test_a_default_or_an_escape_needs_no_variable(text):
    demand_environment(text, {})


def test_a_default_elsewhere_does_not_fill_a_reference():
    assert refusal("${env:KEY:-else} ${env:KEY}").details == {"variables": ["KEY"]}


def test_an_escaped_dollar_before_a_reference_escapes_nothing_else():
    assert refusal("$$${env:KEY}").details == {"variables": ["KEY"]}


def test_a_name_that_is_never_passed_on_is_told_so(monkeypatch):
    monkeypatch.setenv("PHOENIX_KEY", "set, in vain")
    config = "${env:PHOENIX_KEY}"
    assert "rename PHOENIX_KEY" in refusal(config, **referenced_environment(config)).hint


def test_only_what_is_referenced_is_passed_on(monkeypatch):
    monkeypatch.setenv("KEY", "k")
    monkeypatch.setenv("OTHER", "o")
    monkeypatch.delenv("UNSET", raising=False)
    assert referenced_environment("${env:KEY} ${UNSET} $${env:OTHER}") == {"KEY": "k"}


@pytest.mark.real
def test_a_revision_without_its_variables_is_refused_before_anything_starts(host, folder, monkeypatch):
    monkeypatch.delenv("THEIR_URL", raising=False)
    monkeypatch.delenv("THEIR_KEY", raising=False)
    lease = host.acquire("exp-1", LONG)
    active = host.start_collector("revision-1", launch(config=CONFIG), lease)
    before = of_folder(folder)
    for place in ("revision-1", "revision-2"):
        with pytest.raises(StateError, match="THEIR_KEY, THEIR_URL"):
            host.start_collector(place, launch(config=SECRETIVE), lease)
    assert of_folder(folder) == before
    assert host.collector("revision-1") == active
    assert host.collector("revision-2") is None
