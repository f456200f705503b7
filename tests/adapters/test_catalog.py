"""The catalog on disk: names, aliases, the user's entries before ours, faults with their file."""

import shutil

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.domain.errors import SpecError

SHIPPED = Catalog((shipped_folder(),))
NAMES = (
    "process-adaptive-filter-v1",
    "process-aggregated-v1",
    "process-baseline-v1",
    "process-priority-based-v1",
    "process-topk-v1",
)


@pytest.fixture
def mine(tmp_path):
    """A user's folder with one entry, a copy of topk under another name."""
    entry = tmp_path / "pipelines" / "mine"
    shutil.copytree(shipped_folder() / "pipelines" / "process-topk-v1", entry)
    edit(entry / "pipeline.yaml", "name: process-topk-v1", "name: mine")
    edit(entry / "pipeline.yaml", "aliases: [topk]", "aliases: [topk, own]")
    return entry


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_five_pipelines_are_there():
    assert SHIPPED.names() == NAMES


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("process-priority-filter-v1", "process-priority-based-v1"),
        ("priority", "process-priority-based-v1"),
        ("baseline", "process-baseline-v1"),
        ("aggregated", "process-aggregated-v1"),
        ("topk", "process-topk-v1"),
        ("adaptive", "process-adaptive-filter-v1"),
    ],
)
def test_former_and_short_names_are_aliases(alias, name):
    assert SHIPPED.pipeline(alias).name == name


@pytest.mark.parametrize("name", ["process-topk-v2", "../pipelines/process-topk-v1", "", "/etc", "."])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(SpecError) as caught:
        SHIPPED.pipeline(name)
    assert caught.value.code == "unknown_pipeline"


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(SpecError) as caught:
        SHIPPED.pipeline("process-topk")
    assert "process-topk-v1" in caught.value.hint


def test_a_users_entry_is_found_and_its_aliases_come_first(mine):
    catalog = Catalog((mine.parent.parent, shipped_folder()))
    assert (catalog.pipeline("topk").name, catalog.pipeline("own").name) == ("mine", "mine")
    assert catalog.pipeline("process-topk-v1").name == "process-topk-v1"


@pytest.mark.parametrize(
    ("file", "old", "new", "path"),
    [
        ("pipeline.yaml", "type: integer", "type: int", "parameters[2].type"),
        ("pipeline.yaml", "default: 20", "default: 0", "parameters[2].default"),
        ("pipeline.yaml", "minimum: 1\n", "minimum: few\n", "parameters[2].default"),
        ("pipeline.yaml", "name: window", "name: k", "parameters[3].name"),
        ("pipeline.yaml", "title:", "caption:", "caption"),
        ("pipeline.yaml", "name: mine", "name: mine\nname: other", "name"),
        ("collector.yaml", "${param:k}", "${param:kk}", "processors.topk.k"),
        ("collector.yaml", "${param:rest}", "${param:exporters}", "processors.topk.rest"),
    ],
)
def test_a_faulty_entry_names_its_file_and_the_place(mine, file, old, new, path):
    edit(mine / file, old, new)
    with pytest.raises(SpecError, match=file) as caught:
        Catalog((mine.parent.parent,)).pipeline("mine")
    assert path in [finding.path for finding in caught.value.findings]


def test_an_entry_must_be_named_like_its_folder(mine):
    edit(mine / "pipeline.yaml", "name: mine", "name: yours")
    with pytest.raises(SpecError, match="yours"):
        Catalog((mine.parent.parent,)).pipeline("mine")


def test_a_faulty_entry_does_not_stand_in_the_way_of_others(mine):
    (mine / "pipeline.yaml").write_text("[")
    assert Catalog((mine.parent.parent, shipped_folder())).pipeline("topk").name == "process-topk-v1"


def test_an_entry_without_a_page_has_an_empty_one(mine):
    (mine / "README.md").unlink()
    assert Catalog((mine.parent.parent,)).pipeline("mine").page == ""


def test_load_profiles_are_read():
    assert "realistic" in SHIPPED.load_profile_names()
    assert SHIPPED.load_profile("realistic")["name"] == "realistic"


def test_an_unknown_load_profile_is_told_the_nearest():
    with pytest.raises(SpecError) as caught:
        SHIPPED.load_profile("realistc")
    assert "realistic" in caught.value.hint
