"""The block types: what they refuse, what they show, what they cost, and that Prefect knows them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import ValidationError

import blocks
from blocks import LocalTarget, OtlpExporter, SshTarget
from blocks.registration import TYPES
from phoenix.adapters.prefect.blocks import LOCAL_TARGET, OTLP_EXPORTER, SSH_TARGET
from tests.support.saved_blocks import ask, load, save
from tests.support.slowness import slowness

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
HIDDEN = "c2VjcmV0"
HEAVY = ("asyncssh", "scipy", "numpy", "pandas", "kubernetes", "sqlalchemy")


def test_every_type_has_the_slug_by_which_it_is_looked_for():
    assert [kind.get_block_type_slug() for kind in TYPES] == [SSH_TARGET, LOCAL_TARGET, OTLP_EXPORTER]
    assert {kind.__name__ for kind in TYPES} == set(blocks.__all__) - {"register"}


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_has_a_title_and_says_what_it_is(kind: type[Block]):
    schema = kind.model_json_schema()
    for name, field in schema["properties"].items():
        assert field["title"], name
        assert field.get("description"), name
        # A form asks for the type first where there are several.
        assert field["type"] in ("string", "object", "boolean"), name
    assert kind._description


def test_secrets_are_fields_that_prefect_hides():
    assert SshTarget.model_json_schema()["secret_fields"] == ["private_key", "passphrase"]
    assert OtlpExporter.model_json_schema()["secret_fields"] == ["headers.*"]
    assert LocalTarget.model_json_schema()["secret_fields"] == []


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: SshTarget(uri="ssh://web;id"), "names no target"),
        (lambda: SshTarget(uri="local"), "type Local Target"),
        (lambda: SshTarget(uri="web-1"), "is a name, where a URI is needed"),
        (lambda: SshTarget(uri="block:web-1"), "is a name, where a URI is needed"),
        (lambda: SshTarget(uri="ssh://u:c2VjcmV0@web"), "a password does not belong"),
        (lambda: SshTarget(uri="ssh://web", private_key="ssh-ed25519 c2VjcmV0"), "the private key is none"),
        (lambda: SshTarget(uri="ssh://web", passphrase=HIDDEN), "no private key that it would open"),
        (lambda: LocalTarget(uri="ssh://web"), "type SSH Target"),
        (lambda: LocalTarget(uri="local://../x"), "names no target"),
        (lambda: OtlpExporter(endpoint="otlp.example.com:4317"), "the endpoint is no URL"),
        (lambda: OtlpExporter(endpoint="https://u:c2VjcmV0@x.example"), "contains credentials"),
        (lambda: OtlpExporter(endpoint="https://x.example?api_key=c2VjcmV0"), "contains credentials"),
        (lambda: OtlpExporter(endpoint="x.example", protocol="grpc"), "no host and port"),
        (lambda: OtlpExporter(endpoint="https://x.example", insecure=True), "insecure is for gRPC"),
        (lambda: OtlpExporter(endpoint="https://x.example", headers={"a b": HIDDEN}), "no name of a header"),
        (lambda: OtlpExporter(endpoint="https://x.example", headers={"k": f"{HIDDEN}\n"}), "not one line"),
        (
            lambda: OtlpExporter(endpoint="https://x.example", headers={"a-b": HIDDEN, "a_b": HIDDEN}),
            "given twice",
        ),
        (lambda: OtlpExporter(endpoint="https://x.example", ca_file="ca.pem"), "no absolute path"),
    ],
)
def test_what_the_domain_refuses_the_block_refuses_and_repeats_no_secret(make, why):
    with pytest.raises(ValidationError) as caught:
        make()
    assert why in str(caught.value)
    assert HIDDEN not in str(caught.value)


def test_no_text_of_a_block_shows_a_secret():
    host = SshTarget(uri="ssh://web", private_key=KEY, passphrase=HIDDEN, known_hosts="web ssh-ed25519 AAAA")
    backend = OtlpExporter(endpoint="https://x.example", headers={"api-key": HIDDEN})
    for shown in (host, backend, host.saved(), backend.saved(), host.saved().login):
        assert HIDDEN not in f"{shown} {shown!r}"
    assert HIDDEN not in host.model_dump_json() + backend.model_dump_json()


def test_the_package_is_light_to_import():
    """By a process that has Prefect already, as everything that uses blocks does."""
    code = (
        "import sys, time, prefect, prefect.blocks.core, prefect.types; began = time.perf_counter(); import blocks; "
        f"print(time.perf_counter() - began, *[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    seconds, *heavy = done.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.5 * slowness()


@pytest.mark.real
def test_prefect_registers_them_by_the_name_of_the_module(prefect_server):
    done = subprocess.run(
        [Path(sys.executable).with_name("prefect"), "block", "register", "-m", "blocks"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PREFECT_API_URL": prefect_server},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for slug in (SSH_TARGET, LOCAL_TARGET, OTLP_EXPORTER):
        kind = ask(prefect_server, "GET", f"/block_types/slug/{slug}")
        assert kind["description"]
        assert not kind["is_protected"]


@pytest.mark.real
def test_they_can_be_registered_by_python_too_and_twice_is_once(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        assert blocks.register() == blocks.register() == (SSH_TARGET, LOCAL_TARGET, OTLP_EXPORTER)
    assert ask(prefect_server, "GET", f"/block_types/slug/{SSH_TARGET}")["name"] == "SSH Target"


@pytest.mark.real
def test_a_saved_block_comes_back_whole_and_the_server_shows_no_secret(prefect_server):
    save(prefect_server, "t-web", SshTarget(uri="ssh://web", private_key=KEY))
    save(prefect_server, "t-otlp", OtlpExporter(endpoint="https://x.example", headers={"api-key": HIDDEN}))
    assert load(prefect_server, SshTarget, "t-web").saved().login.private_key == KEY
    backend = load(prefect_server, OtlpExporter, "t-otlp").client()
    assert backend.environment == {"BLOCK_T_OTLP__API_KEY": HIDDEN}
    assert HIDDEN not in f"{backend!r} {backend.exporters}"
    shown = ask(prefect_server, "POST", "/block_documents/filter", {"limit": 200})
    assert HIDDEN not in str(shown)


@pytest.mark.real
def test_the_clients_of_targets_are_machines(prefect_server):
    here = LocalTarget(uri="local://lab").client()
    assert here.facts().python
    save(prefect_server, "t-client", SshTarget(uri="ssh://web", private_key=KEY))
    assert load(prefect_server, SshTarget, "t-client").client() is not None


def test_an_exporter_without_a_name_has_no_variables_yet():
    with pytest.raises(ValueError, match="save it first"):
        OtlpExporter(endpoint="https://x.example").client()
