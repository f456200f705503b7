"""What a load comes to: names, aliases, files and settings, each fault with its path."""

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import SpecError
from phoenix.domain.load.profile import LoadSpec
from phoenix.services.load_plans import load_plan

SHIPPED = Catalog((shipped_folder(),))
MINE = {
    "name": "mine",
    "description": "d",
    "aliases": ["own", "normal"],
    "patterns": [{"names": ["a"], "count": 3}],
}


def planned(folder, **load):
    return load_plan(SHIPPED, LoadSpec.model_validate(load), folder, "spec.load")


def faults(folder, **load):
    with pytest.raises(SpecError) as refused:
        planned(folder, **load)
    return [(finding.path, f"{finding.reason} {finding.fix}") for finding in refused.value.findings]


@pytest.mark.parametrize("profile", ["mine.yaml", "./mine.yaml", "loads/../mine.yaml", "{folder}/mine.yaml"])
def test_a_file_is_found_beside_the_document_that_names_it(tmp_path, profile):
    (tmp_path / "loads").mkdir()
    (tmp_path / "mine.yaml").write_text(dump_yaml(MINE))
    found = planned(tmp_path, profile=profile.format(folder=tmp_path))
    assert (found.profile, found.processes) == ("mine", 3)


def test_a_users_profile_is_found_by_its_aliases_before_the_shipped_ones(tmp_path):
    (tmp_path / "loads").mkdir()
    (tmp_path / "loads" / "mine.yaml").write_text(dump_yaml(MINE))
    catalog = Catalog((tmp_path, shipped_folder()))
    for name in ("mine", "own", "normal"):
        assert load_plan(catalog, LoadSpec(profile=name), tmp_path).profile == "mine"
    assert load_plan(catalog, LoadSpec(profile="realistic"), tmp_path).profile == "realistic"


def test_a_profile_must_be_named_like_its_file(tmp_path):
    (tmp_path / "loads").mkdir()
    (tmp_path / "loads" / "yours.yaml").write_text(dump_yaml(MINE))
    with pytest.raises(SpecError, match="'mine', its file is 'yours'"):
        Catalog((tmp_path,)).load_profile("yours")


def test_a_faulty_profile_does_not_stand_in_the_way_of_others(tmp_path):
    (tmp_path / "loads").mkdir()
    (tmp_path / "loads" / "mine.yaml").write_text("[")
    assert Catalog((tmp_path, shipped_folder())).load_profile("normal")["name"] == "realistic"


def test_everything_that_is_asked_for_reaches_the_plan(tmp_path):
    found = planned(
        tmp_path, profile="normal", processes=70, churnRate=3, seed=9, settings={"patterns.0.cpu.cores": 0.3}
    )
    assert (found.profile, found.processes, found.churn_per_second, found.seed) == ("realistic", 70, 3, 9)
    assert found.patterns[0].pattern.cpu.cores == 0.3


@pytest.mark.parametrize(
    ("load", "path", "words"),
    [
        ({"profile": "realistc"}, "spec.load.profile", "did you mean realistic"),
        ({"profile": "./gone.yaml"}, "spec.load.profile", "No such file"),
        (
            {"profile": "realistic", "settings": {"colour": 1}},
            "spec.load.settings.colour",
            "no field 'colour'",
        ),
        ({"profile": "custom", "settings": {"count": -1}}, "spec.load.settings.count", "at least 1"),
        ({"profile": "custom", "churnRate": 1}, "spec.load.churnRate", "process-churn"),
        ({"profile": "custom", "processes": 9, "settings": {"count": 8}}, "spec.load.processes", "at most 8"),
    ],
)
def test_a_fault_is_told_from_the_document_that_asked(tmp_path, load, path, words):
    ((found, said),) = faults(tmp_path, **load)
    assert found == path
    assert words in said


def test_the_faults_of_a_file_are_all_told(tmp_path):
    (tmp_path / "bad.yaml").write_text(
        dump_yaml({**MINE, "colour": 1, "patterns": [{"names": ["a/b"], "count": 1}]})
    )
    paths = [path for path, _ in faults(tmp_path, profile="./bad.yaml")]
    assert paths == ["spec.load.profile.patterns[0].names[0]", "spec.load.profile.colour"]
