"""The page about load profiles: every example on it is read, and every field is on it."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.domain.load.plan import plan
from phoenix.domain.load.profile import (
    CpuShape,
    LoadPattern,
    LoadProfile,
    LoadSpec,
    MemoryShape,
    parse_profile,
)
from phoenix.services.load_plans import load_plan, load_profile

PAGE = (Path(__file__).parents[2] / "docs" / "load-profiles.md").read_text()
BLOCKS = [
    yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
]
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("phoenix loadsim start")]
SHIPPED = Catalog((shipped_folder(),))


def test_the_page_has_examples_of_each_kind():
    assert sum("patterns" in block for block in BLOCKS) >= 2
    assert sum("load" in block for block in BLOCKS) >= 2
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.get("name", "load"))
def test_every_document_on_the_page_is_read(block):
    if "load" in block:
        planned = load_plan(SHIPPED, LoadSpec.model_validate(block["load"]), Path())
    else:
        planned = plan(parse_profile(block))
    assert planned.processes > 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_setting_on_the_page_is_one(command):
    words = shlex.split(command)
    options = list(zip(words[3::2], words[4::2], strict=True))
    settings = dict(value.split("=", 1) for option, value in options if option == "--set")
    (profile,) = (value for option, value in options if option == "--profile")
    changed = load_profile(SHIPPED, LoadSpec(profile=profile, settings=settings), Path())
    assert settings
    assert changed != load_profile(SHIPPED, LoadSpec(profile=profile), Path())
    plan(changed)


@pytest.mark.parametrize("model", [LoadProfile, LoadPattern])
def test_every_field_has_a_row(model):
    for name, field in model.model_fields.items():
        assert f"\n| `{field.alias or name}` |" in PAGE


@pytest.mark.parametrize("shape", [*CpuShape, *MemoryShape])
def test_every_shape_has_a_row(shape):
    assert f"\n| `{shape}` |" in PAGE


@pytest.mark.parametrize("name", SHIPPED.load_profile_names())
def test_every_shipped_profile_has_a_row_with_its_aliases(name):
    profile = parse_profile(SHIPPED.load_profile(name))
    aliases = ", ".join(f"`{alias}`" for alias in profile.aliases)
    assert f"\n| `{name}` | {aliases}".rstrip() in PAGE
