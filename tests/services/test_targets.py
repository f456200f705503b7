"""Targets: what a person may write for a host, and that every wrong one is named before anything is opened."""

import pytest

from phoenix.domain.errors import SpecError, StateError
from phoenix.domain.targets import parse_target
from phoenix.services.targets import Targets
from tests.fakes.targets import FakeTargetStore


class NoHost:
    """A `HostDirectory` of which only forms are asked."""

    def check(self, target: str) -> None:
        parse_target(target)

    def open(self, target: str):
        raise AssertionError(f"{target} was opened")


@pytest.fixture
def targets() -> Targets:
    store = FakeTargetStore()
    found = Targets(lambda: store, NoHost())
    found.add("web-2", "ssh://ops@web-2.example:22", ["role=web", "zone=b"])
    found.add("web-1", "ssh://ops@web-1.example", ["role=web,zone=a"])
    found.add("lab", "local://lab")
    return found


def test_what_is_named_becomes_canonical_hosts_in_order_each_once(targets):
    wanted = ["lab", "local", "role=web", "web-1", "local://lab", "ssh://[2001:DB8:0::1]"]
    assert targets.resolve(wanted) == (
        "local://lab",
        "local",
        "ssh://ops@web-1.example",
        "ssh://ops@web-2.example:22",
        "ssh://[2001:db8::1]",
    )


def test_a_selector_wants_every_label(targets):
    assert targets.resolve(["zone=b,role=web"]) == ("ssh://ops@web-2.example:22",)


def test_every_fault_is_named_at_once_with_what_may_have_been_meant(targets):
    with pytest.raises(SpecError) as refused:
        targets.resolve(["web-3", "local", "role=wep", "ftp://x", "role=", "=x", "$(id)"], "spec.targets")
    by_path = {finding.path: finding for finding in refused.value.findings}
    assert list(by_path) == [f"spec.targets[{index}]" for index in (0, 2, 3, 4, 5, 6)]
    assert "did you mean 'web-2' or 'web-1'?" in by_path["spec.targets[0]"].reason
    assert by_path["spec.targets[2]"].code == "nothing_selected"
    assert "role=web" in by_path["spec.targets[2]"].fix
    assert "role=" in by_path["spec.targets[4]"].reason


def test_one_fault_speaks_for_itself(targets):
    with pytest.raises(SpecError, match="No target is saved as 'web-9'") as refused:
        targets.resolve(["web-9"])
    assert refused.value.code == "unknown_target_name"


def test_uris_need_no_store():
    def store():
        raise AssertionError("the store was opened")

    targets = Targets(store, NoHost(), has_saved=lambda: False)
    assert targets.resolve(["local", "ssh://web-1"]) == ("local", "ssh://web-1")
    assert targets.list() == ()
    with pytest.raises(SpecError, match="No target is saved as 'web-1'"):
        targets.resolve(["web-1"])


def test_a_saved_name_stands_for_a_uri_only(targets):
    with pytest.raises(SpecError, match="is a name itself"):
        targets.add("web", "web-1")
    with pytest.raises(SpecError, match="local always names this machine"):
        targets.add("local", "ssh://web-1")
    with pytest.raises(SpecError, match="is no label"):
        targets.add("web", "ssh://web-1", ["role"])
    assert [record.name for record in targets.list()] == ["lab", "web-1", "web-2"]


def test_a_name_can_be_given_anew_and_taken_away(targets):
    targets.add("web-1", "local://moved", ["role=lab"])
    assert targets.resolve(["web-1"]) == ("local://moved",)
    assert targets.remove("web-1").uri == "local://moved"
    with pytest.raises(StateError, match="did you mean 'web-2'"):
        targets.remove("web-1")
    assert [record.name for record in targets.list("role=web")] == ["web-2"]
