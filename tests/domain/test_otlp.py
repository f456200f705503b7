"""An OTLP backend becomes an exporter without a secret, whose variables say of which block and header they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.errors import SpecError
from phoenix.domain.otlp import OtlpBackend, OtlpCompression, OtlpProtocol, block_of, variable_of
from phoenix.domain.rules import lint

BLOCKS = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,4}", fullmatch=True)
HEADERS = st.from_regex(r"[A-Za-z0-9._-]{0,12}[A-Za-z0-9]", fullmatch=True)


def backend(**headers: str) -> OtlpBackend:
    return OtlpBackend("https://otlp.example.com", headers=headers)


def test_a_header_becomes_a_reference():
    found = OtlpBackend("https://otlp.nr-data.net", headers={"api-key": "hunter22"})
    assert found.exporters("new-relic") == {
        "otlp_http/new-relic": {
            "endpoint": "https://otlp.nr-data.net",
            "compression": "gzip",
            "headers": {"api-key": "${env:BLOCK_NEW_RELIC__API_KEY}"},
        }
    }
    assert found.variables("new-relic") == {"BLOCK_NEW_RELIC__API_KEY": "hunter22"}


def test_grpc_and_tls_are_the_collectors():
    found = OtlpBackend(
        "otlp.example.com:4317",
        OtlpProtocol.GRPC,
        compression=OtlpCompression.NONE,
        insecure=True,
        ca_file="/etc/ca.pem",
    )
    assert found.exporters("lab") == {
        "otlp_grpc/lab": {
            "endpoint": "otlp.example.com:4317",
            "compression": "none",
            "tls": {"insecure": True, "ca_file": "/etc/ca.pem"},
        }
    }


@given(BLOCKS, HEADERS)
def test_a_variable_says_of_which_block_it_is(block, header):
    assert block_of(variable_of(block, header)) == block


@given(st.tuples(BLOCKS, HEADERS), st.tuples(BLOCKS, HEADERS))
def test_two_blocks_never_share_a_variable(one, other):
    if one[0] != other[0]:
        assert variable_of(*one) != variable_of(*other)


@given(st.text(max_size=40))
def test_any_other_variable_is_of_no_block(name):
    found = block_of(name)
    assert found is None or name.startswith("BLOCK_")


@given(BLOCKS, st.lists(HEADERS, max_size=4, unique_by=lambda name: variable_of("x", name)))
def test_no_value_stands_in_the_exporter_or_in_any_text(block, names):
    values = {name: f"se\u00e9{number}" for number, name in enumerate(names)}
    found = OtlpBackend("https://h.example", headers=values)
    assert "se\u00e9" not in f"{found.exporters(block)} {found!r}"
    assert set(found.variables(block).values()) == set(values.values())


def test_what_it_becomes_passes_the_rules_about_secrets():
    config = {"exporters": backend(**{"api-key": "hunter22", "authorization": "Bearer x"}).exporters("lab")}
    assert not [finding for finding in lint(config, critical=()) if finding.code == "inline_secret"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: OtlpBackend(""),
        lambda: OtlpBackend("ftp://x.example"),
        lambda: OtlpBackend("https://"),
        lambda: OtlpBackend("https://user:hunter22@x.example"),
        lambda: OtlpBackend("https://x.example/?api_key=hunter22"),
        lambda: OtlpBackend("x.example", OtlpProtocol.GRPC),
        lambda: OtlpBackend("hunter22@x.example:1", OtlpProtocol.GRPC),
        lambda: backend(**{"a key": "hunter22"}),
        lambda: backend(**{"--": "hunter22"}),
        lambda: backend(key="hunter22\r\nx: y"),
        lambda: backend(key=""),
        lambda: backend(**{"api-key": "hunter22", "API_KEY": "hunter22"}),
    ],
)
def test_what_the_collector_could_not_take_is_refused_without_its_values(make):
    with pytest.raises(SpecError) as caught:
        make()
    assert caught.value.code == "invalid_exporter"
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"
