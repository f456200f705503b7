"""`phoenix config target` through the real command, and experiments whose targets are names and labels."""

import platform

import pytest
import yaml

from phoenix.composition import compose
from tests.support.experiments import phoenix, write_spec


@pytest.fixture
def saved(home):
    targets = compose().targets
    targets.add("web-1", "local://web-1", ["role=web", "zone=a"])
    targets.add("web-2", "ssh://ops@web-2.example", ["role=web,zone=b"])


def names(*arguments: str) -> list[str]:
    return [row["name"] for row in phoenix("config", "target", "list", "-o", "json", *arguments).document]


@pytest.mark.usefixtures("saved")
def test_targets_are_kept_listed_selected_and_forgotten():
    labels = ("--label", "role=lab", "--label", "zone=a,rack=7")
    assert phoenix("config", "target", "add", "lab", "local://lab", *labels).code == 0
    assert names("--label", "role=lab", "--label", "rack=7") == ["lab"]
    assert names() == ["lab", "web-1", "web-2"]
    assert names("--label", "role=web") == ["web-1", "web-2"]
    assert names("--label", "role=web", "--label", "zone=b") == ["web-2"]
    assert phoenix("config", "target", "remove", "web-2").code == 0
    assert names("--label", "role=web") == ["web-1"]
    again = phoenix("config", "target", "remove", "web-2")
    assert again.code == 3
    assert "did you mean 'web-1'?" in again.err


@pytest.mark.usefixtures("saved")
def test_an_experiment_over_names_and_labels_runs_on_their_hosts(tmp_path):
    spec = write_spec(tmp_path, targets=["web-2", "zone=a", "local"])
    planned = phoenix("experiment", "run", "-f", spec, "--dry-run")
    assert planned.code == 0, planned.err
    plan = yaml.safe_load(planned.out.partition("# plan\n")[2])
    assert plan["targets"] == ["ssh://ops@web-2.example", "local://web-1", "local"]


@pytest.mark.usefixtures("saved")
def test_targets_that_are_none_are_all_named_before_anything_starts(tmp_path):
    spec = write_spec(tmp_path, targets=["web-3", "role=db", "local"])
    refused = phoenix("experiment", "run", "-f", spec)
    assert refused.code == 2
    assert "spec.targets[0]: No target is saved as 'web-3'; did you mean 'web-" in refused.err
    assert "spec.targets[1]: No saved target carries role=db" in refused.err


def test_check_says_what_the_host_is(home):
    added = phoenix("config", "target", "add", "here", "local://here", "--check")
    assert added.code == 0, added.err
    assert f"local://here: {platform.machine()}" in added.err


def test_a_host_that_does_not_answer_is_not_kept_with_check(home):
    refused = phoenix("config", "target", "add", "nowhere", "ssh://127.0.0.1:1", "--check")
    assert refused.code == 4, refused.err
    assert "ssh://127.0.0.1:1" in refused.err
    assert names() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("../x", "local://x"),
        ("x", "x"),
        ("x", "ssh://-oProxyCommand=id"),
        ("x", "ssh://$(id)"),
        ("x", "local://x", "--label", "role"),
        ("local", "local://x"),
    ],
)
def test_what_is_not_well_formed_is_refused_and_creates_nothing(home, arguments):
    refused = phoenix("config", "target", "add", *arguments)
    assert refused.code == 2, refused.err
    assert not home.exists()
