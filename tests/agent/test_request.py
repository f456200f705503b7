import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.agent.load import image, request
from phoenix.agent.protocol import RefusedError

NS = 1_000_000_000
PAGE = 4096


def _start(**changes):
    patterns = [{"name": "a", "count": 1, "cpu": {"shape": "idle"}}]
    return {
        "v": 1,
        "type": "start",
        "run_dir": "/x",
        "owner": "o",
        "seed": 1,
        "deadline_seconds": 1,
        "patterns": patterns,
        **changes,
    }


def _pattern(**fields):
    return {"name": "svc-{n}", "count": 3, "cpu": {"shape": "idle"}, **fields}


@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=8), seed=st.integers(0, 2**63 - 1))
def test_counts_are_exact_and_the_seed_decides(counts, seed):
    patterns = [
        _pattern(
            count=count,
            memory={"shape": "steady", "bytes": [0, 9e6]},
            lifetime_seconds=[5, 50],
            unique_command_line=True,
        )
        for count in counts
    ]
    children = request.expand(patterns, seed)
    assert len(children) == sum(counts)
    assert children == request.expand(patterns, seed)
    arguments = [child.arguments for child in children]
    assert len(set(arguments)) == len(arguments)


def test_another_seed_draws_otherwise():
    patterns = [_pattern(memory={"shape": "steady", "bytes": [0, 9e6]})]
    assert request.expand(patterns, 1) != request.expand(patterns, 2)


def test_templates_number_the_processes():
    assert [child.name for child in request.expand([_pattern()], 1)] == ["svc-0000", "svc-0001", "svc-0002"]


def _behaviour(seed=1, **fields):
    (child,) = request.expand([_pattern(count=1, **fields)], seed)
    return child.behaviour


def test_an_idle_process_does_nothing_for_ever():
    assert _behaviour() == image.Behaviour()


def test_cpu_is_a_share_of_the_period():
    steady = _behaviour(cpu={"shape": "steady", "cores": 0.02})
    spiky = _behaviour(cpu={"shape": "spiky", "cores": 0.1, "period_seconds": 10})
    assert (steady.busy_ns.values, steady.period_ns) == ((NS // 100,), NS // 2)
    assert (spiky.busy_ns.values, spiky.period_ns) == ((NS,), 10 * NS)


def test_growing_cpu_climbs_over_its_period_and_stays():
    found = _behaviour(cpu={"shape": "growing", "cores": 0.5, "period_seconds": 160})
    values = found.busy_ns.values
    assert list(values) == sorted(values)
    assert values[-1] == found.period_ns // 2
    assert found.busy_ns.loop == len(values) - 1
    assert found.period_ns * found.busy_ns.hold * len(values) == 160 * NS


@given(seed=st.integers(0, 2**32), cores=st.floats(0.001, 1))
def test_random_cpu_is_on_average_what_was_asked_for(seed, cores):
    found = _behaviour(seed, cpu={"shape": "random", "cores": cores})
    values = found.busy_ns.values
    assert sum(values) / len(values) == pytest.approx(cores * found.period_ns, rel=1e-6, abs=len(values))
    assert all(0 <= value <= found.period_ns for value in values)


@given(
    seed=st.integers(0, 2**32),
    shape=st.sampled_from(["steady", "spiky", "growing", "random"]),
    bounds=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)).map(sorted),
)
def test_memory_stays_between_its_bounds(seed, shape, bounds):
    memory = {"shape": shape, "bytes": bounds, "period_seconds": 6.4}
    steps = _behaviour(seed, memory=memory).memory_bytes
    low, high = bounds
    assert all(low - PAGE < value <= high for value in steps.values)
    assert all(value % PAGE == 0 for value in steps.values)
    if shape == "growing":
        assert list(steps.values) == sorted(steps.values)
        assert steps.loop == len(steps.values) - 1
    if shape == "spiky":
        assert sum(value > high - PAGE for value in steps.values) >= 1


def test_memory_changes_without_cpu_and_with_a_longer_cycle():
    memory = {"shape": "growing", "bytes": [0, 64 * PAGE], "period_seconds": 64}
    idle = _behaviour(memory=memory)
    assert (idle.period_ns, idle.memory_bytes.hold, idle.busy_ns.values) == (NS, 1, (0,))
    steady = _behaviour(memory=memory, cpu={"shape": "steady", "cores": 0.1})
    assert (steady.period_ns, steady.memory_bytes.hold) == (NS // 2, 2)
    rare = _behaviour(memory=memory, cpu={"shape": "spiky", "cores": 0.1, "period_seconds": 16})
    assert (rare.period_ns, len(rare.memory_bytes.values), rare.memory_bytes.hold) == (16 * NS, 4, 1)
    assert rare.memory_bytes.values[-1] == 64 * PAGE


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "begin"},
        {"run_dir": "relative"},
        {"owner": "a b"},
        {"owner": None},
        {"deadline_seconds": 0},
        {"deadline_seconds": float("inf")},
        {"seed": "x"},
        {"patterns": []},
        {"patterns": [_pattern(count=5001)]},
        {"patterns": [_pattern(name="../escape")]},
        {"patterns": [_pattern(name="=image")]},
        {"patterns": [_pattern(memory={"shape": "steady", "bytes": [2, 1]})]},
        {"patterns": [_pattern(memory={"shape": "square", "bytes": [1, 2]})]},
        {"patterns": [_pattern(count=-1), _pattern(count=5)]},
        {"patterns": [_pattern(count=0)]},
        {"patterns": [_pattern(lifetime_seconds=[2, 1])]},
        {"patterns": [_pattern(count=0, churn_weight=1)], "churn_per_second": 1},
        {"patterns": [_pattern(count=0, churn_weight=-1)], "churn_per_second": 1},
        {
            "patterns": [_pattern(name="../escape", count=0, churn_weight=1, lifetime_seconds=[1, 1])],
            "churn_per_second": 1,
        },
        {"churn_per_second": -1},
        {"churn_per_second": float("nan")},
        {"ramp": [[5, 1], [1, 1]]},
        {"ramp": [[0, 2]]},
        {"ramp": [[0, 0.5], [float("inf"), 1]]},
        {"limits": {"cpu_cores": float("inf")}},
        {
            "patterns": [_pattern(count=0, churn_weight=float("inf"), lifetime_seconds=[1, 1])],
            "churn_per_second": 1,
        },
        {"patterns": [_pattern(arguments=["a\0b"])]},
        {"patterns": [_pattern(arguments=["\ud800"])]},
        {"metrics_port": 70000},
        {"limits": {"processes": -1}},
        {"silence_seconds": -1},
        {"patterns": [_pattern(cpu={"shape": "round"})]},
        {"patterns": [_pattern(cpu={"shape": "steady", "cores": 2})]},
        {"patterns": [{"count": 1}]},
        {"patterns": 5},
    ],
)
def test_bad_requests_are_refused(changes):
    with pytest.raises(RefusedError):
        request.read_start(_start(**changes))


def test_a_good_request_is_read():
    start = request.read_start(_start())
    assert (start.run_dir, start.owner, len(start.children)) == ("/x", "o", 1)
