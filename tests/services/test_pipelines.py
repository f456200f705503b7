"""The verbs on pipelines."""

import json
from datetime import timedelta

import pytest

from phoenix.adapters.catalog import Catalog, shipped_folder
from phoenix.adapters.collector.validation import validate
from phoenix.adapters.yaml.documents import dump_yaml
from phoenix.domain.errors import SpecError, StateError
from phoenix.domain.findings import Severity
from phoenix.domain.pipelines.pipeline import PipelineRef
from phoenix.services.pipelines import Pipelines
from tests.manifests.test_collector import CONFIG

CATALOG = Catalog((shipped_folder(),))


class Accepts:
    """A collector that has seen worse."""

    def validate(self, _config, _environ):
        return None


class Refuses:
    def validate(self, _config, _environ):
        return "bad OTTL"


def no_collector():
    raise StateError("The collector is not installed.", hint="phoenix collector install")


PIPELINES = Pipelines(CATALOG, Accepts)


def resolve(reference, folder="/", pipelines=PIPELINES, **options):
    return pipelines.resolve(PipelineRef.model_validate(reference), base_folder=folder, **options)


def findings_of(reference, folder="/", **options):
    with pytest.raises(SpecError) as caught:
        resolve(reference, folder, path="spec.candidate", **options)
    return {(finding.code, finding.path) for finding in caught.value.findings}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c.yaml").write_text(dump_yaml(CONFIG))
    return tmp_path


def test_list_has_every_entry():
    assert [entry.name for entry in PIPELINES.list()] == list(CATALOG.names())


def test_critical_processes_become_the_critical_parameter():
    resolved = resolve({"pipeline": "topk"}, critical=("^nginx$", "^java$"))
    assert resolved.parameters["critical"] == "(?:^nginx$)|(?:^java$)"
    assert resolved.own.config["processors"]["topk"]["critical"] == "(?:^nginx$$)|(?:^java$$)"


def test_a_critical_parameter_that_is_set_stays():
    resolved = resolve({"pipeline": "topk", "parameters": {"critical": "^x$"}}, critical=("^nginx$",))
    assert resolved.parameters["critical"] == "^x$"


def test_a_pipeline_without_that_parameter_takes_no_notice():
    assert "critical" not in resolve({"pipeline": "baseline"}, critical=("^nginx$",)).parameters


def test_the_experiments_interval_is_taken_without_a_word_where_none_was_chosen():
    resolved = resolve({"pipeline": "topk"}, scrape_interval=timedelta(seconds=5))
    assert (resolved.parameters["scrape_interval"], resolved.findings) == ("5s", ())


def test_an_interval_that_was_chosen_is_overridden_with_a_warning():
    reference = {"pipeline": "topk", "parameters": {"scrape_interval": "30s"}}
    resolved = resolve(reference, scrape_interval=timedelta(seconds=5), path="spec.candidate")
    assert resolved.own.config["receivers"]["host_metrics"]["collection_interval"] == "5s"
    assert [(f.code, f.path) for f in resolved.findings] == [
        ("interval_overridden", "spec.candidate.receivers.host_metrics.collection_interval")
    ]


def test_an_alias_resolves_to_the_name_and_the_same_version():
    named, aliased = resolve({"pipeline": "process-topk-v1"}), resolve({"pipeline": "topk"})
    assert (aliased.name, aliased.own.version) == (named.name, named.own.version)


BACKEND = {"otlp_http": {"endpoint": "https://otlp.example.com", "headers": {"api-key": "${env:KEY}"}}}


@pytest.mark.parametrize(
    "text",
    [
        '{otlp_http: {endpoint: "https://otlp.example.com", headers: {api-key: "${env:KEY}"}}}',
        json.dumps(BACKEND),
        dump_yaml(BACKEND),
    ],
    ids=["flow", "json", "block"],
)
def test_exporters_are_set_as_yaml_or_json(text):
    _, shown = PIPELINES.show("topk", {"exporters": text})
    assert shown.production.exporters == BACKEND


def test_exporters_are_set_by_a_file(tmp_path):
    (tmp_path / "e.yaml").write_text(dump_yaml(BACKEND))
    _, shown = PIPELINES.show("topk", {"exporters": f"@{tmp_path / 'e.yaml'}"})
    assert shown.production.exporters == BACKEND


@pytest.mark.parametrize(
    "text", ["{a", "@", "@/absent.yaml", "@/dev/zero", "text", "- otlp_http", "{a: 1}", "{a: {}, a: {}}"]
)
def test_exporters_that_are_none_are_refused_with_the_place(text):
    with pytest.raises(SpecError) as caught:
        PIPELINES.show("topk", {"exporters": text})
    assert caught.value.findings[0].path.startswith("parameters.exporters")


def test_a_secret_among_the_exporters_is_an_error():
    _, shown = PIPELINES.show("topk", {"exporters": "{otlp_http: {headers: {api-key: abc}}}"})
    assert [(f.severity, f.code, f.path) for f in shown.findings] == [
        (Severity.ERROR, "inline_secret", "exporters.otlp_http.headers.api-key")
    ]


def test_a_pipeline_may_be_named_or_be_a_file(folder):
    assert PIPELINES.named("topk", {"k": "3"}).parameters["k"] == 3
    assert list(PIPELINES.named(str(folder / "c.yaml")).production.exporters) == ["debug"]


def test_a_pipeline_with_a_secret_cannot_be_deployed():
    with pytest.raises(SpecError) as caught:
        PIPELINES.named("topk", {"exporters": "{otlp_http: {endpoint: 'http://a:b@c'}}"})
    assert [f.code for f in caught.value.findings] == ["inline_secret"]


def test_a_file_has_nothing_to_set(folder):
    with pytest.raises(SpecError, match="no parameters"):
        PIPELINES.named(str(folder / "c.yaml"), {"k": "3"})


def test_exporters_go_to_production_only():
    reference = {"pipeline": "topk", "parameters": {"exporters": {"debug": {}}}}
    resolved = resolve(reference)
    assert resolved.production.exporters == {"debug": {}}
    assert resolved.own.version == resolve({"pipeline": "topk"}).own.version


def test_a_file_is_taken_as_it_is_apart_from_the_interval(folder):
    resolved = resolve(
        {"file": "c.yaml"}, folder, critical=("^nginx$",), scrape_interval=timedelta(seconds=5)
    )
    assert resolved.own.config["processors"] == {"memory_limiter": {"limit_mib": 100}, "topk": {"k": 10}}
    assert list(resolved.production.exporters) == ["debug"]


def test_findings_of_a_file_have_the_path_of_the_reference(folder):
    (folder / "c.yaml").write_text(dump_yaml({**CONFIG, "exporters": {"debug": {"api-key": "x"}}}))
    found = resolve({"file": "c.yaml"}, folder, path="spec.candidate").findings
    assert ("inline_secret", "spec.candidate.file.exporters.debug.api-key") in {
        (f.code, f.path) for f in found
    }


def test_an_unknown_pipeline_is_a_finding():
    assert findings_of({"pipeline": "nope"}) == {("unknown_pipeline", "spec.candidate.pipeline")}


def test_wrong_parameters_are_all_findings():
    assert findings_of({"pipeline": "topk", "parameters": {"k": 0, "q": 1}}) == {
        ("wrong_parameter", "spec.candidate.parameters.k"),
        ("unknown_parameter", "spec.candidate.parameters.q"),
    }


def test_a_missing_file_is_a_finding(tmp_path):
    assert findings_of({"file": "gone.yaml"}, tmp_path) == {("file_unreadable", "spec.candidate.file")}


def test_faults_of_a_file_are_all_findings(tmp_path):
    (tmp_path / "c.yaml").write_text("a: 1\na: 2\nb: !x 3\n")
    assert findings_of({"file": "c.yaml"}, tmp_path) == {
        ("yaml_duplicate_key", "spec.candidate.file.a"),
        ("yaml_tag", "spec.candidate.file.b"),
    }


def test_show_takes_settings_as_text():
    pipeline, resolved = PIPELINES.show("topk", {"k": "7"})
    assert (pipeline.name, resolved.parameters["k"]) == ("process-topk-v1", 7)


def test_show_refuses_a_wrong_setting():
    with pytest.raises(SpecError, match="seven"):
        PIPELINES.show("topk", {"k": "seven"})


def codes(findings):
    return [finding.code for finding in findings]


@pytest.mark.parametrize("name", CATALOG.names())
def test_a_shipped_pipeline_is_valid(name):
    assert PIPELINES.validate(name) == ()


def test_validate_reports_wrong_settings():
    assert codes(PIPELINES.validate("topk", {"k": "0"})) == ["wrong_parameter"]


def test_validate_reports_the_collector_and_then_the_rules(folder):
    found = Pipelines(CATALOG, Refuses).validate(str(folder / "c.yaml"))
    assert codes(found)[0] == "refused_by_collector"
    assert "command_line_exported" in codes(found)


def test_validate_reports_the_yaml_guard_alone(folder):
    (folder / "c.yaml").write_text("a: 1\na: 2\n")
    assert codes(PIPELINES.validate(str(folder / "c.yaml"))) == ["yaml_duplicate_key"]


def test_validate_of_an_unknown_name_is_an_error():
    with pytest.raises(SpecError, match="nope"):
        PIPELINES.validate("nope")


def test_settings_for_a_file_are_refused(folder):
    with pytest.raises(SpecError, match="parameters"):
        PIPELINES.validate(str(folder / "c.yaml"), {"k": "1"})


def test_without_a_collector_the_rules_still_speak(folder):
    found = Pipelines(CATALOG, no_collector).validate(str(folder / "c.yaml"))
    assert codes(found)[0] == "collector_not_asked"
    assert "command_line_exported" in codes(found)


def test_without_a_collector_a_clean_pipeline_is_not_called_valid():
    with pytest.raises(StateError):
        Pipelines(CATALOG, no_collector).validate("topk")


class Real:
    def __init__(self, binary):
        self._binary = binary

    def validate(self, config, environ):
        return validate(self._binary, config, environ)


@pytest.mark.real
def test_what_the_real_collector_refuses_is_a_finding(folder, collector_binary):
    (folder / "c.yaml").write_text(
        dump_yaml({**CONFIG, "processors": {**CONFIG["processors"], "topk": {"k": "many"}}})
    )
    found = Pipelines(CATALOG, lambda: Real(collector_binary)).validate(str(folder / "c.yaml"))
    assert codes(found)[0] == "refused_by_collector"


@pytest.mark.real
def test_a_crash_of_the_real_collector_is_a_finding(folder, collector_binary):
    # Seen at v0.159: a pull reader without an exporter's settings ends validate with a stack trace or a refusal.
    service = {
        **CONFIG["service"],
        "telemetry": {"metrics": {"readers": [{"pull": {"exporter": {"prometheus": None}}}]}},
    }
    (folder / "c.yaml").write_text(dump_yaml({**CONFIG, "service": service}))
    found = Pipelines(CATALOG, lambda: Real(collector_binary)).validate(str(folder / "c.yaml"))
    assert codes(found)[0] == "refused_by_collector"
