"""The shipped pipelines: golden, clean by the rules, accepted by the real collector, and as their pages say."""

from pathlib import Path

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.adapters.collector.validation import validate
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.pipelines.parameters import resolve_parameters
from phoenix.domain.pipelines.pipeline import EXPORTERS_PARAMETER
from phoenix.domain.rules import lint
from phoenix.domain.trees import plain
from phoenix.manifests.collector import own_part
from phoenix.manifests.slots import SlotAddition, measurement_environ, slot_config
from tests.support.golden import check_golden

CATALOG = Catalog((shipped_folder(),))
NAMES = CATALOG.names()
ENVIRON = measurement_environ("127.0.0.1:1", "127.0.0.1:2", ("127.0.0.1", 3))
FILTERS = [name for name in NAMES if name != "process-baseline-v1"]
EXPORTERS = {"otlp_http": {"endpoint": "https://otlp.example.com", "headers": {"api-key": "${env:KEY}"}}}
# Each dialect trap at once: an anchor, an escaped point, a quote, and what would be an expansion.
TRICKY = r'^(node\.js|a"b|c\$|x[$]y)$'


def rendered(name, given=None):
    pipeline = CATALOG.pipeline(name)
    resolution = resolve_parameters(pipeline.parameters, given or {})
    assert resolution.findings == ()
    return own_part(pipeline.template, resolution.values)


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_renders_as_reviewed(name):
    own = rendered(name)
    text = f"# version {own.version}\n{dump_yaml(plain(slot_config(own).config))}"
    check_golden(Path(__file__).parent / "testdata" / f"{name}.yaml", text)


@pytest.mark.parametrize("name", NAMES)
def test_rendering_is_deterministic(name):
    assert rendered(name) == rendered(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_has_no_findings(name):
    config = slot_config(rendered(name), SlotAddition(EXPORTERS)).config
    assert lint(config, critical=("^(nginx|java|sshd)$",)) == ()


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_the_collector_accepts_a_pipeline_in_both_slots(name, collector_binary):
    own = rendered(name)
    for slot in (SlotAddition(), SlotAddition(EXPORTERS)):
        assert (
            validate(collector_binary, dump_yaml(slot_config(own, slot).config), {**ENVIRON, "KEY": "k"})
            is None
        )


@pytest.mark.real
@pytest.mark.parametrize("name", FILTERS)
def test_the_collector_accepts_any_pattern_that_phoenix_does(name, collector_binary):
    config = dump_yaml(slot_config(rendered(name, {"critical": TRICKY})).config)
    assert validate(collector_binary, config, ENVIRON) is None


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_the_collector_accepts_every_bound(name, collector_binary):
    pipeline = CATALOG.pipeline(name)
    for bound in ("minimum", "maximum"):
        given = {p.name: getattr(p, bound) for p in pipeline.parameters if getattr(p, bound) is not None}
        config = dump_yaml(slot_config(rendered(name, given)).config)
        assert validate(collector_binary, config, ENVIRON) is None, bound


@pytest.mark.parametrize("name", NAMES)
def test_the_page_documents_every_parameter_and_alias(name):
    pipeline = CATALOG.pipeline(name)
    for parameter in pipeline.parameters:
        assert f"| `{parameter.name}` | {parameter.type} |" in pipeline.page
        assert parameter.help in pipeline.page
    assert [alias for alias in pipeline.aliases if f"`{alias}`" not in pipeline.page] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_but_the_exporters_changes_the_version(name):
    pipeline = CATALOG.pipeline(name)
    other = {"duration": "7s", "regex": "^x$", "integer": 17, "number": 0.07, "bytes": "1MiB", "enum": "drop"}
    for parameter in pipeline.parameters:
        value = {**other, "strings": ["process.owner"], "exporters": EXPORTERS}[parameter.type]
        same = rendered(name, {parameter.name: value}).version == rendered(name).version
        assert same == (parameter.name == EXPORTERS_PARAMETER), parameter.name


@pytest.mark.parametrize("name", FILTERS)
def test_own_processors_see_a_scrape_whole_and_the_limiter_sees_it_first(name):
    order = rendered(name).config["service"]["pipelines"]["metrics"]["processors"]
    assert (order[0], order[-1]) == ("memory_limiter", "batch")


@pytest.mark.parametrize("name", NAMES)
def test_no_pipeline_exports_command_lines(name):
    scraper = rendered(name).config["receivers"]["host_metrics"]["scrapers"]["process"]
    assert scraper["resource_attributes"]["process.command_line"] == {"enabled": False}
