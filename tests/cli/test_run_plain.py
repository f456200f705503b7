"""What needs no collector and no server: the plan of a dry run, and help at once."""

import pytest
import yaml

from tests.support.commands import metered
from tests.support.experiments import write_spec
from tests.support.leftovers import processes_using
from tests.support.slowness import slowness

HELP_CPU_SECONDS = 0.3

SCENARIO = """\
experimentName: topk-on-web
duration: 45m
targetHost: localhost
variantA_pipelineNameOrPath: process-baseline-v1
variantB_pipelineNameOrPath: process-topk-v1
criticalProcessRegex: ^nginx$
comparisonMetrics: [cardinalityReduction, cpuOverhead]
"""
"""With the keys of the first product requirements."""


def dry_run(home, path) -> tuple[list[dict], str]:
    """The documents that a dry run prints, and the text; it must have touched nothing."""
    ended = metered("experiment", "run", "-f", path, "--dry-run")
    assert ended.code == 0, ended.err
    assert not home.exists()
    assert not processes_using(home)
    return list(yaml.safe_load_all(ended.out)), ended.out


def test_a_dry_run_prints_both_configurations_and_the_plan(home, tmp_path):
    (baseline, candidate, plan), text = dry_run(home, write_spec(tmp_path, scrapeInterval="1s"))
    assert "topk" not in baseline["processors"]
    assert candidate["processors"]["topk"]["k"] == 4
    for config in (baseline, candidate):
        (pipeline,) = config["service"]["pipelines"].values()
        assert pipeline["exporters"] == ["prometheus/phoenix"]
        assert config["receivers"]["host_metrics"]["collection_interval"] == "1s"
    assert text.startswith("# baseline: process-baseline-v1, version ")
    assert "\n# candidate: process-topk-v1, version " in text
    assert plan == {
        "experiment": "quick",
        "targets": ["local"],
        "load": "realistic, seed 7",
        "scrapes": "3 to warm up, then at least 24, every 1s, for at most 2m",
        "criteria": ["series minimumReduction 0.3 (objective)", "critical_retention minimum 1 (guardrail)"],
        "onHostFailure": "stop",
        "onPromote": "report",
        "warnings": [],
    }


def test_a_limit_in_the_plan_keeps_all_its_digits(home, tmp_path):
    memory = {"metric": "collector_memory_bytes", "maximum": 104857600}
    *_, plan = dry_run(home, write_spec(tmp_path, guardrails=[memory]))[0]
    assert plan["criteria"][1] == "collector_memory_bytes maximum 104857600 (guardrail)"


def test_a_dry_run_shows_the_warnings_that_a_run_would_go_on_with(home, tmp_path):
    quiet = {
        "receivers": {"host_metrics": {"scrapers": {"process": {}}}},
        "processors": {
            "filter": {"metrics": {"resource": ['attributes["process.executable.name"] == "nginx"']}}
        },
        "exporters": {"debug": {}},
        "service": {
            "pipelines": {
                "metrics": {"receivers": ["host_metrics"], "processors": ["filter"], "exporters": ["debug"]}
            }
        },
    }
    (tmp_path / "quiet.yaml").write_text(yaml.safe_dump(quiet))
    *_, plan = dry_run(home, write_spec(tmp_path, candidate={"file": "quiet.yaml"}))[0]
    assert any("nginx (critical) would be lost" in warning for warning in plan["warnings"])


def test_a_scenario_of_the_first_requirements_is_read(home, tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO)
    *configs, plan = dry_run(home, path)[0]
    assert len(configs) == 2
    assert (plan["experiment"], plan["targets"], plan["load"]) == ("topk-on-web", ["local"], "none")
    assert "for at most 45m" in plan["scrapes"]
    assert plan["criteria"] == [
        "series minimumReduction 0.5 (objective)",
        "critical_retention minimum 1 (guardrail)",
    ]


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [
        (["--help"], HELP_CPU_SECONDS),
        (["-h"], HELP_CPU_SECONDS),
        # Typer loads pydantic for the parameters of a command, which alone costs some 0.3 s here.
        (["experiment", "run", "--help"], 3 * HELP_CPU_SECONDS),
        (["version"], 3 * HELP_CPU_SECONDS),
    ],
)
def test_help_comes_at_once(home, arguments, limit):
    ended = metered(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert ended.cpu_seconds <= limit * slowness()
    assert not home.exists()


def test_an_alias_is_the_same_command(home):
    assert metered("exp", "run", "--help").out == metered("experiment", "run", "--help").out.replace(
        "phoenix experiment", "phoenix exp"
    )
