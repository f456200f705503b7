"""Blocks by name: the host that one is, the key that it lends, and the backend that it stands for."""

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.adapters.hosts.binary import referenced_names
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import DependencyError, SpecError
from phoenix.domain.logins import Lent, SshLogin, TargetBlock
from phoenix.domain.otlp import OtlpBackend
from phoenix.domain.pipelines.pipeline import PipelineRef
from phoenix.domain.targets import parse_host
from phoenix.domain.trees import plain
from phoenix.manifests.slots import slot_config
from phoenix.services.block_exporters import BlockExporters
from phoenix.services.logins import Logins
from phoenix.services.pipelines import Pipelines
from phoenix.services.targets import Targets
from tests.fakes.blocks import FakeBlocks
from tests.fakes.targets import FakeTargetStore

KNOWN = SshLogin(known_hosts="web ssh-ed25519 AAAA")
SILENT = DependencyError("the server does not answer", code="prefect_unreachable")


class NoHost:
    def check(self, target: str) -> None:
        parse_host(target)

    def open(self, target: str):
        raise AssertionError(f"{target} was opened")


class Here:
    """A store, blocks, and the services over them."""

    def __init__(self) -> None:
        self.store = FakeTargetStore()
        self.blocks = FakeBlocks()
        self.blocks.targets["ssh-target", "web-1"] = TargetBlock("ssh://ops@web-1", KNOWN)
        self.blocks.targets["local-target", "lab"] = TargetBlock("local://lab")
        self.blocks.backends["newrelic"] = OtlpBackend(
            "https://otlp.example.com", headers={"api-key": "s3cr3t"}
        )
        self.targets = Targets(lambda: self.store, NoHost(), block_uri=self.blocks.uri)
        self.logins = Logins(lambda: self.store, self.blocks, lambda: True)
        self.exporters = BlockExporters(self.blocks)
        self.pipelines = Pipelines(Catalog((shipped_folder(),)), lambda: None, self.exporters.exporters)


@pytest.fixture
def here() -> Here:
    return Here()


def test_a_block_and_the_uri_that_it_holds_are_one_host(here):
    assert here.targets.resolve(["block:web-1", "ssh://ops@web-1", "block:lab"]) == (
        "ssh://ops@web-1",
        "local://lab",
    )


def test_whoever_opens_the_host_later_is_lent_the_key(here):
    assert here.logins.lent_for("ssh://ops@web-1") is None
    here.targets.resolve(["block:web-1"])
    assert here.logins.lent_for("ssh://ops@web-1") == Lent("block:web-1", KNOWN)
    assert here.logins.lent_for("ssh://web-1") is None


def test_to_resolve_asks_for_no_secret(here):
    here.targets.resolve(["block:web-1"])
    assert here.blocks.asked == [("uri", "web-1")]


def test_a_block_under_a_name_of_ones_own_is_remembered_with_its_host(here):
    record = here.targets.add("web", "block:web-1", ["role=web"])
    assert (record.name, record.uri, record.block) == ("web", "ssh://ops@web-1", "web-1")
    here.blocks.trouble = SILENT
    assert here.targets.resolve(["web", "role=web"]) == ("ssh://ops@web-1",)


def test_a_target_that_is_forgotten_is_lent_nothing(here):
    here.targets.resolve(["block:web-1"])
    here.targets.remove("block:web-1")
    assert here.logins.lent_for("ssh://ops@web-1") is None


def test_of_two_blocks_for_a_host_the_one_that_was_named_last_lends(here):
    here.blocks.targets["ssh-target", "other"] = TargetBlock("ssh://ops@web-1", SshLogin(known_hosts="other"))
    for name in ("web-1", "other", "web-1"):
        here.targets.resolve([f"block:{name}"])
        lent = here.logins.lent_for("ssh://ops@web-1")
        assert lent is not None
        assert lent.block == f"block:{name}"


def test_a_block_that_cannot_be_read_lends_nothing_and_says_why(here):
    here.targets.resolve(["block:web-1"])
    here.blocks.trouble = SILENT
    lent = here.logins.lent_for("ssh://ops@web-1")
    assert lent == Lent("block:web-1", SshLogin(), "the server does not answer")


def test_a_key_is_not_lent_for_a_host_that_the_block_does_not_name_any_more(here):
    here.targets.resolve(["block:web-1"])
    here.blocks.targets["ssh-target", "web-1"] = TargetBlock("ssh://ops@web-9", KNOWN)
    lent = here.logins.lent_for("ssh://ops@web-1")
    assert lent == Lent("block:web-1", SshLogin(), "it names ssh://ops@web-9 by now")


def test_an_unknown_block_is_a_fault_of_the_text_at_its_place(here):
    with pytest.raises(SpecError) as caught:
        here.targets.resolve(["local", "block:web-2"], "spec.targets")
    (finding,) = caught.value.findings
    assert (finding.code, finding.path) == ("unknown_block", "spec.targets[1]")
    assert "web-1" in finding.fix
    assert here.store.list() == ()


def test_a_server_that_does_not_answer_is_no_fault_of_the_text(here):
    here.blocks.trouble = SILENT
    with pytest.raises(DependencyError, match="does not answer"):
        here.targets.resolve(["block:web-1"])


def config_of(resolved) -> str:
    return dump_yaml(plain(slot_config(resolved.own, resolved.production).config))


def test_a_backend_by_name_becomes_exporters_without_a_secret(here):
    _, resolved = here.pipelines.show("baseline", {"exporters": "block:newrelic"})
    _, own = here.pipelines.show("baseline")
    assert resolved.own.version == own.own.version
    assert "otlp_http/newrelic" in resolved.production.exporters
    assert not [finding for finding in resolved.findings if finding.code == "inline_secret"]
    config = config_of(resolved)
    assert "s3cr3t" not in config + repr(resolved)
    assert referenced_names(config) == ("BLOCK_NEWRELIC__API_KEY",)
    assert here.exporters.given(config) == {"BLOCK_NEWRELIC__API_KEY": "s3cr3t"}


def test_a_document_names_it_in_the_same_way(here, tmp_path):
    ref = PipelineRef.model_validate({"pipeline": "baseline", "parameters": {"exporters": "block:newrelic"}})
    resolved = here.pipelines.resolve(ref, base_folder=tmp_path, path="spec.candidate")
    assert list(resolved.production.exporters) == ["otlp_http/newrelic"]


@pytest.mark.parametrize(
    ("text", "code"), [("block:newrelik", "unknown_block"), ("block:New_Relic", "unknown_target")]
)
def test_a_backend_that_is_none_is_a_fault_at_its_parameter(here, tmp_path, text, code):
    ref = PipelineRef.model_validate({"pipeline": "baseline", "parameters": {"exporters": text}})
    with pytest.raises(SpecError) as caught:
        here.pipelines.resolve(ref, base_folder=tmp_path, path="spec.candidate")
    (finding,) = caught.value.findings
    assert (finding.code, finding.path) == (code, "spec.candidate.parameters.exporters")


def test_the_environment_goes_before_the_block_which_is_then_not_asked(here, monkeypatch):
    monkeypatch.setenv("BLOCK_NEWRELIC__API_KEY", "mine")
    assert here.exporters.given("${env:BLOCK_NEWRELIC__API_KEY}") == {"BLOCK_NEWRELIC__API_KEY": "mine"}
    assert here.blocks.asked == []


def test_of_a_block_only_what_is_referred_to_is_given(here):
    here.blocks.backends["two"] = OtlpBackend("https://x.example", headers={"a": "1234", "b": "5678"})
    assert here.exporters.given("${env:BLOCK_TWO__B} ${env:OTHER}") == {"BLOCK_TWO__B": "5678"}
