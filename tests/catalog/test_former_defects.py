"""Defects of the earlier implementation's pipelines, each of which must be found before anything is deployed."""

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.adapters.collector.validation import validate
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.services.pipelines import Pipelines

CATALOG = Catalog((shipped_folder(),))


@pytest.fixture
def judge(collector_binary, tmp_path):
    """The codes of everything found in a pipeline with this processor."""

    class Validator:
        def validate(self, config, environ):
            return validate(collector_binary, config, environ)

    def codes(name, processor):
        process = {"resource_attributes": {"process.command_line": {"enabled": False}}}
        config = {
            "receivers": {"host_metrics": {"scrapers": {"process": process}}},
            "processors": {"memory_limiter": {"check_interval": "1s", "limit_mib": 100}, name: processor},
            "exporters": {"debug": {}},
            "service": {
                "pipelines": {
                    "metrics": {
                        "receivers": ["host_metrics"],
                        "processors": ["memory_limiter", name],
                        "exporters": ["debug"],
                    }
                }
            },
        }
        path = tmp_path / "collector.yaml"
        path.write_text(dump_yaml(config))
        return [finding.code for finding in Pipelines(CATALOG, Validator).validate(str(path))]

    return codes


@pytest.mark.real
def test_a_filter_that_lists_what_to_keep_drops_it(judge):
    conditions = ['IsMatch(attributes["process.executable.name"], "^(nginx|apache|postgres|redis|kafka)$$")']
    assert judge("filter/keep_important", {"metrics": {"resource": conditions}}) == ["inverted_filter"]


@pytest.mark.real
def test_identity_is_not_looked_for_on_data_points(judge):
    conditions = ['attributes["process.executable.name"] == "bash"']
    assert judge("filter/noise", {"metrics": {"datapoint": conditions}}) == ["identity_on_datapoint"]


@pytest.mark.real
def test_matches_is_no_word_of_the_filter_language(judge):
    conditions = ['attributes["process.executable.name"] matches "nginx"']
    assert judge("filter/noise", {"metrics": {"resource": conditions}}) == ["refused_by_collector"]


@pytest.mark.real
def test_groupbyattrs_has_no_aggregation_type(judge):
    assert "refused_by_collector" in judge("groupbyattrs", {"keys": ["host"], "aggregation_type": "sum"})


@pytest.mark.real
def test_process_memory_physical_is_no_metric_of_the_scraper(judge):
    conditions = ['name == "process.memory.physical"']
    assert judge("filter/noise", {"metrics": {"metric": conditions}}) == ["metric_not_emitted"]


@pytest.mark.real
def test_processors_that_no_binary_has_are_refused(judge):
    assert judge("phoenix_topk", {"k": 10}) == ["refused_by_collector"]


def test_the_priority_pipeline_drops_what_bears_no_mark_and_never_what_is_critical():
    processors = CATALOG.pipeline("process-priority-filter-v1").template["processors"]
    assert processors["filter/idle"]["metrics"]["resource"] == [
        'attributes["process.pid"] != nil and attributes["phoenix.keep"] == nil'
    ]
