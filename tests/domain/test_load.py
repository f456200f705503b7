import re
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phoenix.agent.load.request import expand, read_start
from phoenix.domain.errors import SpecError
from phoenix.domain.load.plan import critical_patterns, plan
from phoenix.domain.load.profile import LoadSpec, parse_profile
from phoenix.domain.patterns import check_pattern

SHIPPED = ("realistic", "high-cardinality")


def _shipped(name):
    return parse_profile(yaml.safe_load((files("catalog") / "loads" / f"{name}.yaml").read_text()))


def _profile(*patterns, processes=10):
    return parse_profile(
        {"name": "p", "description": "d", "defaultProcesses": processes, "patterns": list(patterns)}
    )


PATTERNS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"names": st.just(["a", "b", "c"]), "weight": st.floats(0.01, 100)}),
        st.fixed_dictionaries({"names": st.just(["d"]), "count": st.integers(1, 40)}),
    ),
    max_size=8,
)


@given(patterns=PATTERNS, processes=st.integers(1, 5000), seed=st.integers(0, 9))
def test_the_number_of_processes_is_exact(patterns, processes, seed):
    profile = _profile(*patterns, {"names": ["rest"], "weight": 1})
    planned = plan(profile, processes, seed)
    assert planned.processes == processes
    assert all(p.count > 0 for p in planned.patterns)
    assert planned == plan(profile, processes, seed)
    for pattern in profile.patterns:
        used = [p.count for p in planned.patterns if p.pattern is pattern]
        assert not used or max(used) - min(used) <= 1 or pattern.count is None


def test_counts_come_first_and_weights_share_the_rest():
    profile = _profile(
        {"names": ["fixed"], "count": 4}, {"names": ["x"], "weight": 1}, {"names": ["y", "z"], "weight": 2}
    )
    assert [(p.name, p.count) for p in plan(profile, 10).patterns] == [
        ("fixed", 4),
        ("x", 2),
        ("y", 2),
        ("z", 2),
    ]
    assert [(p.name, p.count) for p in plan(profile, 3).patterns] == [("fixed", 3)]
    assert plan(profile).processes == 10


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("processes", [1, 60, 300, 2000, 5000])
def test_shipped_profiles_are_exact_at_any_size_and_light(name, processes):
    planned = plan(_shipped(name), processes)
    assert planned.processes == processes
    assert planned.cpu_cores < 0.3
    children = expand([p.message() for p in planned.patterns], planned.seed)
    assert len(children) == processes
    assert sum(child.behaviour.reserve_bytes for child in children) <= planned.memory_bytes + 4096 * processes


def test_the_demo_load_has_a_few_critical_services_and_a_few_busy_processes():
    planned = plan(_shipped("realistic"), 300)
    critical = critical_patterns(_shipped("realistic"), 300)
    assert "^nginx$" in critical
    assert 5 <= len(critical) <= 8
    names = [child.name for child in expand([p.message() for p in planned.patterns], 1)]
    assert all(sum(bool(re.search(pattern, name)) for name in names) == 1 for pattern in critical)
    assert 4 <= sum(p.count for p in planned.patterns if p.pattern.cpu.cores) <= 10


def test_high_cardinality_command_lines_are_unique():
    planned = plan(_shipped("high-cardinality"), 2000)
    children = expand([p.message() for p in planned.patterns], 1)
    assert len({(child.name, child.arguments) for child in children}) == 2000
    assert _shipped("high-cardinality").default_processes == 1000


def test_critical_patterns_are_those_of_services_that_really_run():
    profile = _profile(
        {"names": ["a.b", "c+d"], "count": 2, "critical": True},
        {"names": ["shard-{n}"], "weight": 1, "critical": True},
    )
    assert critical_patterns(profile, 10) == (r"^a\.b$", r"^c\+d$", "^shard-[0-9]{4}$")
    assert critical_patterns(profile, 1) == (r"^a\.b$",)
    assert all(check_pattern(pattern) is None for pattern in critical_patterns(profile, 10))
    (child,) = expand([plan(profile, 3).patterns[-1].message()], 1)
    assert re.search("^shard-[0-9]{4}$", child.name)


def test_the_request_is_what_the_agent_reads():
    planned = plan(_shipped("realistic"), 120, seed=9)
    where = {"v": 1, "type": "start", "run_dir": "/r", "owner": "o", "deadline_seconds": 5}
    assert len(read_start({**where, **planned.request()}).children) == 120
    assert planned.request()["seed"] == 9


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ({"names": ["a"]}, "patterns[1]"),
        ({"names": ["a"], "count": 1, "weight": 1}, "patterns[1]"),
        ({"names": ["ok", "a/b"], "weight": 1}, "patterns[1].names[1]"),
        ({"names": [], "count": 1}, "patterns[1].names"),
        ({"names": ["a"], "count": 1, "cpu": {"shape": "steady"}}, "patterns[1].cpu"),
        ({"names": ["a"], "count": 1, "memoryBytes": [2, 1]}, "patterns[1]"),
        ({"names": ["a"], "count": 1, "lifetimeSeconds": [0, 1]}, "patterns[1]"),
        ({"names": ["a"], "count": 1, "colour": "red"}, "patterns[1].colour"),
    ],
)
def test_faults_of_a_profile_are_found_with_their_path(pattern, path):
    with pytest.raises(SpecError) as refused:
        _profile({"names": ["rest"], "weight": 1}, pattern)
    assert [finding.path for finding in refused.value.findings] == [path]


def test_a_profile_must_be_able_to_grow():
    with pytest.raises(SpecError):
        _profile({"names": ["a"], "count": 1})


def test_a_spec_takes_former_names_and_refuses_what_it_does_not_know():
    assert LoadSpec.model_validate({"profile": "normal"}) == LoadSpec(
        profile="realistic", processes=None, seed=1
    )
    assert LoadSpec.model_validate({"profile": "high-card", "processes": 5000}).profile == "high-cardinality"
    for wrong in (
        {},
        {"profile": "A b"},
        {"profile": "x", "processes": 0},
        {"profile": "x", "processes": 5001},
    ):
        with pytest.raises(ValidationError):
            LoadSpec.model_validate(wrong)
    with pytest.raises(ValidationError):
        LoadSpec.model_validate({"profile": "x", "colour": "red"})
