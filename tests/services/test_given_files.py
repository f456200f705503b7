"""Files that come along with a document: exactly those are there, and none of the server's is ever opened."""

import pytest

from phoenix.domain.errors import SpecError
from phoenix.services.operations.given_files import MOST_BYTES, laid_out


def document(**spec: object) -> dict[str, object]:
    return {
        "kind": "Experiment",
        "spec": {"baseline": {"pipeline": "a"}, "candidate": {"pipeline": "b"}, **spec},
    }


def refusal(content: dict[str, object], files: dict[str, str]) -> SpecError:
    with pytest.raises(SpecError) as caught, laid_out(content, files):
        pass
    return caught.value


def test_what_came_along_lies_there_and_goes_with_the_context():
    content = document(candidate={"file": "candidate.yaml"}, load={"profile": "my-host.yaml"})
    files = {"candidate.yaml": "a: ü\n", "my-host.yaml": "b: 2\n"}
    with laid_out(content, files) as folder:
        assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == files
    assert not folder.exists()


def test_a_document_without_files_has_an_empty_folder():
    with laid_out(document(load={"profile": "realistic"}), {}) as folder:
        assert list(folder.iterdir()) == []


ESCAPES = ["/etc/passwd", "../secret.yaml", "~/secret.yaml", "~root", "a/b.yaml", "./a.yaml", "..", "."]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("variant", ["baseline", "candidate"])
def test_a_file_of_the_server_is_not_opened_for_a_variant(variant, name):
    fault = refusal(document(**{variant: {"file": name}}), {})
    (finding,) = fault.findings
    assert (fault.code, finding.path) == ("file_not_given", f"spec.{variant}.file")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.yaml", "~/x.yaml", "x.yml"])
def test_a_file_of_the_server_is_not_opened_for_a_load(name):
    fault = refusal(document(load={"profile": name}), {})
    assert [(one.code, one.path) for one in fault.findings] == [("file_not_given", "spec.load.profile")]


@pytest.mark.parametrize("name", [*ESCAPES, "", "~", ".hidden", "a\x00b", "a\nb", "\ud800", "ü" * 101])
def test_a_name_that_leads_elsewhere_is_refused_though_it_came_along(name):
    fault = refusal(document(candidate={"file": name}), {name: "a: 1"})
    assert "file_name" in {one.code for one in fault.findings}


def test_a_scenario_of_the_first_requirements_is_held_to_the_same():
    scenario: dict[str, object] = {
        "experimentName": "old",
        "variantA_pipelineNameOrPath": "/etc/passwd",
        "variantB_pipelineNameOrPath": "../candidate.yaml",
    }
    fault = refusal(scenario, {})
    assert [one.path for one in fault.findings] == ["spec.baseline.file", "spec.candidate.file"]


def test_a_scenario_that_brings_a_spec_along_hides_nothing_in_it():
    scenario: dict[str, object] = {"experimentName": "old", "spec": {"baseline": {"file": "/etc/passwd"}}}
    assert refusal(scenario, {}).findings[0].path == "spec.baseline.file"


def test_a_scenario_may_name_what_came_along():
    scenario: dict[str, object] = {
        "variantA_pipelineNameOrPath": "a.yaml",
        "variantB_pipelineNameOrPath": "process-topk-v1",
    }
    with laid_out(scenario, {"a.yaml": "x: 1"}) as folder:
        assert (folder / "a.yaml").read_text() == "x: 1"


def test_too_much_is_refused():
    half = "x" * (MOST_BYTES // 2)
    assert refusal(document(), {"a": half, "b": half, "c": "x"}).code == "files_too_large"


def test_text_that_no_file_can_hold_is_refused():
    assert refusal(document(), {"a.yaml": "\ud800"}).code == "file_text"


def test_all_faults_are_told_at_once():
    fault = refusal(document(baseline={"file": "/a"}, candidate={"file": "/b"}), {"../c": "", "d": "\udfff"})
    assert [one.code for one in fault.findings] == [
        "file_name",
        "file_text",
        "file_not_given",
        "file_not_given",
    ]
