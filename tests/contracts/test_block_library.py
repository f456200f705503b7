"""The contract of `BlockLibrary`, over the fake and over blocks that are saved on a real Prefect server."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from blocks import LocalTarget, OtlpExporter, SshTarget
from phoenix.adapters.ports import BlockLibrary
from phoenix.adapters.prefect.blocks import PrefectBlocks
from phoenix.domain.errors import SpecError
from phoenix.domain.logins import SshLogin, TargetBlock
from phoenix.domain.otlp import OtlpBackend, OtlpCompression, OtlpProtocol
from tests.fakes.blocks import FakeBlocks
from tests.support.saved_blocks import save

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n"
WORDS = "a b"


@dataclass
class Library:
    """What reads blocks, and how one comes to be there."""

    reads: BlockLibrary
    saves: Callable[[str, LocalTarget | SshTarget | OtlpExporter], None]


@pytest.fixture(params=["fake", pytest.param("prefect", marks=pytest.mark.real)])
def library(request: pytest.FixtureRequest) -> Library:
    if request.param == "fake":
        fake = FakeBlocks()

        def saves(name: str, block: LocalTarget | SshTarget | OtlpExporter) -> None:
            if isinstance(block, OtlpExporter):
                fake.backends[name] = block.saved()
            else:
                fake.targets[block.get_block_type_slug(), name] = block.saved()

        return Library(fake, saves)
    url = request.getfixturevalue("prefect_server")
    return Library(PrefectBlocks(lambda: url, lambda _: {}), lambda name, block: save(url, name, block))


def test_a_host_behind_ssh_comes_back_with_what_logs_in(library):
    block = SshTarget(
        uri="ssh://deploy@[2001:DB8:0::7]:2222", private_key=KEY, passphrase=WORDS, known_hosts="h t k"
    )
    library.saves("c-ssh", block)
    uri = "ssh://deploy@[2001:db8::7]:2222"
    assert library.reads.target("c-ssh") == TargetBlock(uri, SshLogin(KEY, WORDS, "h t k"))
    assert library.reads.uri("c-ssh") == uri


def test_a_host_without_a_key_lends_nothing(library):
    library.saves("c-bare", SshTarget(uri="ssh://web"))
    assert library.reads.target("c-bare") == TargetBlock("ssh://web")
    assert not library.reads.target("c-bare").login


def test_a_host_of_this_machine_is_found_by_the_same_verb(library):
    library.saves("c-local", LocalTarget(uri="local://lab"))
    assert library.reads.target("c-local") == TargetBlock("local://lab")
    assert library.reads.uri("c-local") == "local://lab"


def test_a_backend_comes_back_with_its_headers(library):
    block = OtlpExporter(
        endpoint="otlp.example.com:4317",
        protocol="grpc",
        headers={"api-key": "k$1", "X-Tenant": "a"},
        compression="zstd",
        insecure=True,
        ca_file="/etc/ca.pem",
    )
    library.saves("c-otlp", block)
    assert library.reads.backend("c-otlp") == OtlpBackend(
        "otlp.example.com:4317",
        OtlpProtocol.GRPC,
        {"api-key": "k$1", "X-Tenant": "a"},
        OtlpCompression.ZSTD,
        insecure=True,
        ca_file="/etc/ca.pem",
    )


def test_what_nobody_saved_is_unknown_with_what_is_near(library):
    library.saves("c-rack-one", LocalTarget(uri="local://one"))
    for read in (library.reads.uri, library.reads.target):
        with pytest.raises(SpecError) as caught:
            read("c-rack-ones")
        assert caught.value.code == "unknown_block"
        assert "c-rack-one" in caught.value.hint
    with pytest.raises(SpecError) as caught:
        library.reads.backend("c-rack-one")
    assert caught.value.code == "unknown_block"


def test_a_name_of_two_types_is_refused_and_both_are_told(library):
    library.saves("c-two", LocalTarget(uri="local://two"))
    library.saves("c-two", SshTarget(uri="ssh://two"))
    with pytest.raises(SpecError) as caught:
        library.reads.uri("c-two")
    assert caught.value.code == "ambiguous_block"
    assert "local-target/c-two" in caught.value.message
    assert "ssh-target/c-two" in caught.value.message


def test_a_backend_may_have_the_name_of_a_host(library):
    library.saves("c-same", LocalTarget(uri="local://same"))
    library.saves("c-same", OtlpExporter(endpoint="https://otlp.example.com"))
    assert library.reads.uri("c-same") == "local://same"
    assert library.reads.backend("c-same").endpoint == "https://otlp.example.com"


def test_a_block_that_was_saved_anew_is_read_anew(library):
    library.saves("c-moved", LocalTarget(uri="local://old"))
    assert library.reads.uri("c-moved") == "local://old"
    library.saves("c-moved", LocalTarget(uri="local://new"))
    assert library.reads.uri("c-moved") == "local://new"
