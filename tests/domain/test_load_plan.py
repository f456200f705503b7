"""Load plans: exact numbers, limits that hold what is planned, and a request that the agent reads."""

import math
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.agent.load.request import read_start
from phoenix.domain.errors import SpecError
from phoenix.domain.load.plan import critical_patterns, plan
from phoenix.domain.load.profile import parse_profile
from phoenix.domain.patterns import check_pattern

MIB = 2**20
WHERE = {
    "v": 1,
    "type": "start",
    "run_dir": "/r",
    "owner": "exp-1",
    "deadline_seconds": 5,
    "silence_seconds": 20,
}


def profile_of(*patterns, processes=10, **fields):
    document = {"name": "p", "description": "d", "defaultProcesses": processes, "patterns": patterns}
    return parse_profile({**document, **fields})


def fault(profile, *asked):
    with pytest.raises(SpecError) as refused:
        plan(profile, *asked)
    (finding,) = refused.value.findings
    return finding


def started(planned):
    """The agent's reading of a plan."""
    return read_start({**WHERE, **planned.request()})


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5, unique=True)
CPU = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"shape": st.sampled_from(["steady", "spiky", "growing", "random"]), "cores": st.floats(0.001, 0.01)}
    ),
)
MEMORY = st.fixed_dictionaries(
    {
        "shape": st.sampled_from(["steady", "spiky", "growing", "random"]),
        "bytes": st.tuples(st.integers(0, 8 * MIB), st.integers(8 * MIB, 16 * MIB)).map(list),
    }
)
LIKE = {
    "names": NAMES,
    "cpu": CPU,
    "memory": MEMORY,
    "restart": st.booleans(),
    "uniqueCommandLine": st.booleans(),
}
WEIGHTED = st.fixed_dictionaries({**LIKE, "weight": st.floats(1e-3, 1e6)})
COUNTED = st.fixed_dictionaries({**LIKE, "count": st.integers(1, 40)})
SHORT_LIVED = st.fixed_dictionaries(
    {
        "names": NAMES,
        "cpu": CPU,
        "memory": MEMORY,
        "churn": st.floats(0.01, 100),
        "lifetimeSeconds": st.tuples(st.floats(0.05, 1), st.floats(1, 10)).map(list),
    }
)


@given(
    patterns=st.lists(st.one_of(WEIGHTED, COUNTED, SHORT_LIVED), max_size=6),
    processes=st.integers(1, 2000),
    rate=st.floats(0, 200),
    seed=st.integers(0, 2**63 - 1),
)
def test_whatever_is_planned_is_exact_within_its_limits_and_read_by_the_agent(
    patterns, processes, rate, seed
):
    profile = profile_of(*patterns, {"names": ["rest"], "weight": 1})
    rate = rate if profile.has_churn else 0.0
    planned = plan(profile, processes, rate, seed)
    assert planned == plan(profile, processes, rate, seed)
    assert planned.processes == processes
    assert all(bool(one.count) is not bool(one.churn_weight) for one in planned.patterns)
    start = started(planned)
    assert len(start.children) == processes
    assert start.churn.rate == planned.churn_per_second == rate
    assert start.cpu_cores == pytest.approx(planned.cpu_cores)
    assert sum(max(child.behaviour.memory_bytes.values) for child in start.children) <= planned.memory_bytes
    limits = planned.request()["limits"]
    assert limits["processes"] >= processes + start.churn.concurrent
    assert limits["cpu_cores"] > planned.cpu_cores
    assert limits["memory_bytes"] > planned.memory_bytes


@given(patterns=st.lists(st.one_of(WEIGHTED, COUNTED), max_size=6), processes=st.integers(1, 5000))
def test_the_names_of_a_pattern_take_turns(patterns, processes):
    profile = profile_of(*patterns, {"names": ["rest"], "weight": 1})
    planned = plan(profile, processes)
    assert planned.processes == processes
    for pattern in profile.patterns:
        used = [one.count for one in planned.patterns if one.pattern is pattern]
        assert not used or max(used) - min(used) <= 1


@given(weights=st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_weights_that_are_numbers_of_processes_come_out_as_they_are(weights):
    patterns = [{"names": [f"n{index}"], "weight": weight} for index, weight in enumerate(weights)]
    planned = plan(profile_of(*patterns, processes=sum(weights)))
    assert [one.count for one in planned.patterns] == weights


def test_counts_come_first_and_weights_share_the_rest():
    profile = profile_of(
        {"names": ["fixed"], "count": 4}, {"names": ["x"], "weight": 1}, {"names": ["y", "z"], "weight": 2}
    )
    counts = [(one.name, one.count) for one in plan(profile, 10).patterns]
    assert counts == [("fixed", 4), ("x", 2), ("y", 2), ("z", 2)]
    assert [(one.name, one.count) for one in plan(profile, 3).patterns] == [("fixed", 3)]
    assert plan(profile).processes == 10


def test_the_request_is_the_whole_of_what_an_agent_is_asked():
    profile = profile_of(
        {
            "names": ["svc-{n}"],
            "count": 3,
            "cpu": {"shape": "spiky", "cores": 0.1, "periodSeconds": 4},
            "memory": {"shape": "growing", "bytes": ["1MiB", "3MiB"], "periodSeconds": 300},
            "lifetimeSeconds": [30, 60],
            "restart": False,
            "user": "nobody",
            "arguments": ["-v"],
        },
        {
            "names": ["a", "b"],
            "churn": 3,
            "lifetimeSeconds": [0.2, 2],
            "cpu": {"shape": "steady", "cores": 0.05},
        },
        processes=None,
        defaultChurnRate=25,
        ramp=[{"at": "10s", "share": 0.5}, {"at": "1m", "share": 1}],
    )
    idle = {"shape": "steady", "bytes": [0, 0], "period_seconds": 60.0}
    short_lived = {
        "count": 0,
        "churn_weight": 1.5,
        "arguments": [],
        "unique_command_line": False,
        "cpu": {"shape": "steady", "cores": 0.05, "period_seconds": 0.5},
        "memory": idle,
        "lifetime_seconds": [0.2, 2],
        "restart": False,
        "user": None,
    }
    processes = 53 + 6 + 16
    assert plan(profile, seed=7).request() == {
        "seed": 7,
        "churn_per_second": 25.0,
        "ramp": [[0, 0], [10, 0.5], [60, 1]],
        "limits": {
            "processes": processes,  # 3 stand, 25/s live 2 s at most
            "memory_bytes": 9 * MIB * 5 // 4 + processes * 256 * 1024 + 64 * MIB,
            "cpu_cores": pytest.approx(2 * (0.3 + 25 * 1.1 * 0.05) + 0.5 + 25 * 0.004, abs=1e-3),
        },
        "metrics_port": None,
        "patterns": [
            {
                "name": "svc-{n}",
                "count": 3,
                "churn_weight": 0,
                "arguments": ["-v"],
                "unique_command_line": False,
                "cpu": {"shape": "spiky", "cores": 0.1, "period_seconds": 4},
                "memory": {"shape": "growing", "bytes": [MIB, 3 * MIB], "period_seconds": 300},
                "lifetime_seconds": [30, 60],
                "restart": False,
                "user": "nobody",
            },
            {"name": "a", **short_lived},
            {"name": "b", **short_lived},
        ],
    }
    assert plan(profile).request(metrics_port=0)["metrics_port"] == 0


def test_a_ramp_that_says_where_it_begins_begins_there():
    profile = profile_of(
        {"names": ["a"], "weight": 1}, ramp=[{"at": "0s", "share": 0.2}, {"at": "90s", "share": 1}]
    )
    assert plan(profile).request()["ramp"] == [[0, 0.2], [90, 1]]


def test_memory_and_cpu_count_the_short_lived_by_how_long_they_live():
    like = {"cpu": {"shape": "steady", "cores": 0.1}, "memory": {"bytes": [0, MIB]}}
    profile = profile_of(
        {"names": ["a"], "count": 4, **like},
        {"names": ["b"], "churn": 1, "lifetimeSeconds": [1, 3], **like},
        {"names": ["c"], "churn": 3, "lifetimeSeconds": [2, 5]},
        processes=None,
    )
    planned = plan(profile, churn_rate=8)
    assert (planned.processes, planned.churn_per_second, planned.concurrent) == (4, 8, 4 + 8 * 5)
    assert planned.cpu_cores == pytest.approx((4 + 2 * 2) * 0.1)
    assert planned.memory_bytes == (4 + 2 * 3) * MIB
    without = plan(profile, churn_rate=0)
    assert (without.concurrent, without.memory_bytes) == (4, 4 * MIB)
    assert [one.name for one in without.patterns] == ["a"]


CHURN = {"names": ["job"], "churn": 1, "lifetimeSeconds": [1, 30]}
STANDING = {"names": ["a"], "weight": 1}
COUNTS = {"names": ["a"], "count": 6}


@pytest.mark.parametrize(
    ("profile", "asked", "path", "words"),
    [
        (profile_of(STANDING), (0,), "processes", "ask for 1 to 5000"),
        (profile_of(STANDING), (-1,), "processes", "ask for 1 to 5000"),
        (profile_of(STANDING), (5001,), "processes", "ask for 1 to 5000"),
        (profile_of(COUNTS, processes=None), (7,), "processes", "ask for at most 6"),
        (profile_of(COUNTS, processes=None), (6000,), "processes", "ask for 1 to 6"),
        (profile_of(CHURN, processes=None), (1, 1.0), "processes", "leave the number of processes out"),
        (profile_of(CHURN, processes=None), (), "churnRate", "above 0"),
        (profile_of(STANDING), (None, 1.0), "churnRate", "process-churn, realistic or high-cardinality"),
        (profile_of(STANDING, CHURN), (None, -1.0), "churnRate", "0 to 200"),
        (profile_of(STANDING, CHURN), (None, 201.0), "churnRate", "0 to 200"),
        (profile_of(STANDING, CHURN), (None, math.nan), "churnRate", "0 to 200"),
        (profile_of(STANDING, CHURN), (None, 200.0), "churnRate", "shorter lives"),
        (profile_of(STANDING, CHURN), (5000, 1.0), "processes", "fewer processes"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_what_would_be_right(profile, asked, path, words):
    found = fault(profile, *asked)
    assert found.path == path
    assert words in found.fix


def test_what_is_asked_for_in_vain_is_told_with_its_numbers():
    assert (
        "6000 short-lived ones at the same time are 6010"
        in fault(profile_of(STANDING, CHURN), None, 200.0).reason
    )


def test_critical_patterns_are_those_of_services_that_really_run():
    profile = profile_of(
        {"names": ["a.b", "c+d"], "count": 2, "critical": True},
        {"names": ["shard-{n}"], "weight": 1, "critical": True},
    )
    assert critical_patterns(profile, 10) == (r"^a\.b$", r"^c\+d$", "^shard-[0-9]{4}$")
    assert critical_patterns(profile, 1) == (r"^a\.b$",)
    assert all(check_pattern(pattern) is None for pattern in critical_patterns(profile, 10))
    names = Counter(child.name for child in started(plan(profile, 3)).children)
    assert sum(bool(re.search("^shard-[0-9]{4}$", name)) for name in names) == 1
