import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.agent.load import request
from phoenix.agent.protocol import RefusedError

NS = 1_000_000_000


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
        _pattern(count=count, memory_bytes=[0, 9e6], lifetime_seconds=[5, 50], unique_command_line=True)
        for count in counts
    ]
    children = request.expand(patterns, seed)
    assert len(children) == sum(counts)
    assert children == request.expand(patterns, seed)
    arguments = [child.arguments for child in children]
    assert len(set(arguments)) == len(arguments)


def test_another_seed_draws_otherwise():
    patterns = [_pattern(memory_bytes=[0, 9e6])]
    assert request.expand(patterns, 1) != request.expand(patterns, 2)


def test_templates_number_the_processes():
    assert [child.name for child in request.expand([_pattern()], 1)] == ["svc-0000", "svc-0001", "svc-0002"]


def test_cpu_is_a_share_of_the_period():
    steady, spiky = request.expand(
        [
            _pattern(count=1, cpu={"shape": "steady", "cores": 0.02}),
            _pattern(count=1, cpu={"shape": "spiky", "cores": 0.1, "period_seconds": 10}),
        ],
        1,
    )
    assert (steady.behaviour.busy_ns.values, steady.behaviour.period_ns) == ((NS // 100,), NS // 2)
    assert (spiky.behaviour.busy_ns.values, spiky.behaviour.period_ns) == ((NS,), 10 * NS)


def test_growth_needs_no_cpu():
    growth = {"bytes_per_second": 4096, "maximum_bytes": 10_000}
    (child,) = request.expand([_pattern(count=1, growth=growth)], 1)
    assert child.behaviour.memory_bytes == ((3333, 6666, 10_000), 1, 2)
    assert child.behaviour.busy_ns.values == (0,)
    assert child.behaviour.period_ns == NS


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "begin"},
        {"run_dir": "relative"},
        {"owner": "a b"},
        {"owner": None},
        {"deadline_seconds": 0},
        {"seed": "x"},
        {"patterns": []},
        {"patterns": [_pattern(count=5001)]},
        {"patterns": [_pattern(name="../escape")]},
        {"patterns": [_pattern(name="=image")]},
        {"patterns": [_pattern(memory_bytes=[2, 1])]},
        {"patterns": [_pattern(cpu={"shape": "random"})]},
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
