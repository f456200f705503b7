"""The semantic rules on whole configurations, golden."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.adapters.yaml.documents import dump_yaml, load_mapping
from phoenix.domain.findings import Severity, as_document
from phoenix.domain.rules import lint
from phoenix.domain.rules.ottl import PRESENT, evaluate
from phoenix.domain.rules.samples import critical_names
from tests.support.golden import check_golden

CASES = sorted(Path(__file__).parent.glob("testdata/*"))
CRITICAL = ("^(nginx|postgres)$",)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_findings_of_a_configuration(case):
    findings = lint(load_mapping(case / "input.yaml"), critical=CRITICAL)
    check_golden(case / "findings.yaml", dump_yaml([as_document(finding) for finding in findings]))


def test_an_inverted_filter_is_found_without_critical_patterns_where_it_names_a_well_known_service():
    config = load_mapping(CASES[0].parent / "inverted_filter_resource_ismatch" / "input.yaml")
    assert "inverted_filter" in {finding.code for finding in lint(config, critical=())}


def test_keeping_only_ones_own_service_is_no_fault_where_nobody_said_what_is_critical():
    config = load_mapping(CASES[0].parent / "inverted_filter_include_lacks" / "input.yaml")
    assert lint(config, critical=()) == ()


def test_what_is_misshapen_is_left_to_the_collector():
    config = load_mapping(CASES[0].parent / "inverted_filter_resource_ismatch" / "input.yaml")
    misshapen = {**config, "connectors": {"forward": {}}}
    pipelines = misshapen["service"]["pipelines"]
    for body in pipelines.values():
        body["receivers"] = [["forward"], {"a": 1}, None]
    assert lint(misshapen, critical=())


def test_errors_come_first():
    severities = [
        f.severity
        for f in lint(load_mapping(CASES[0].parent / "listeners_and_secrets/input.yaml"), critical=())
    ]
    assert severities == sorted(severities, key=lambda severity: severity is not Severity.ERROR)


@pytest.mark.parametrize("case", ["listeners_and_secrets", "secrets_by_halves"])
def test_no_finding_repeats_a_secret(case):
    config = load_mapping(CASES[0].parent / case / "input.yaml")
    said = " ".join(f.reason + f.fix + f.path for f in lint(config, critical=()))
    assert not [secret for secret in ("0123", "hunter2", "abc") if secret in said]


NGINX = {'attributes["process.executable.name"]': "nginx", 'attributes["process.pid"]': PRESENT}


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ('attributes["process.executable.name"] == "nginx"', True),
        ('attributes["process.executable.name"] != "nginx"', False),
        ('not (attributes["process.executable.name"] == "nginx" and true)', False),
        ('IsMatch(attributes["process.executable.name"], "^ng.*$$")', True),
        ('attributes["process.pid"] == nil', False),
        ('attributes["process.pid"] != nil', True),
        ('attributes["process.pid"] == 1', None),
        ('attributes["other"] == "x" or attributes["process.pid"] != nil', True),
        ('attributes["other"] == "x" and attributes["process.pid"] == nil', False),
        ('attributes["other"] == nil', None),
        ("datapoint.value_double >= 0.1", None),
        ('IsMatch(attributes["process.executable.name"], "(?=x)(")', None),
        ('Len(attributes["process.executable.name"]) > 3 or true', True),
        ("true and", None),
        ("(true", None),
        ('"text"', None),
        ('attributes["process.executable.name"] > "a"', None),
        ('attributes["process.pid"] == attributes["other"]', None),
        ("true) or true", None),
        ('"bad \\q" == attributes["process.executable.name"]', False),
        ("", None),
        ("(" * 5000, None),
        ("&&", None),
    ],
)
def test_a_condition_is_true_only_where_it_is_certain(condition, truth):
    assert evaluate(condition, NGINX) is truth


def test_names_of_a_critical_pattern_come_from_its_own_words():
    assert set(critical_names((r"^(my-svc|node\.js)$",), ())) == {"my-svc", "node.js"}


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["receivers", "processors", "service", "pipelines", "metrics", "filter", "host_metrics"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["receivers", "processors", "exporters", "service"]), TREES))
def test_no_shape_of_a_document_breaks_a_rule(config):
    lint(config, critical=CRITICAL)
