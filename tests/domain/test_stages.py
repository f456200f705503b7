"""Stages reach every host once, in order, and grow no faster than they may."""

from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.stages import LARGEST_STAGE, stages

SIZES = [
    (0, []),
    (1, [1]),
    (2, [1, 1]),
    (4, [1, 3]),
    (13, [1, 3, 9]),
    (14, [1, 3, 9, 1]),
    (141, [1, 3, 9, 27, 50, 50, 1]),
]


@pytest.mark.parametrize(("count", "sizes"), SIZES)
def test_one_host_then_three_times_as_many_up_to_the_cap(count: int, sizes: list[int]):
    assert [len(stage) for stage in stages(range(count))] == sizes


@given(st.lists(st.text()), st.integers(1, 6), st.integers(1, LARGEST_STAGE))
def test_every_host_is_reached_once_in_order_and_no_stage_exceeds_its_bounds(
    hosts: list[str], growth: int, largest: int
):
    made = stages(hosts, growth=growth, largest=largest)
    assert list(chain.from_iterable(made)) == hosts
    sizes = [len(stage) for stage in made]
    assert sizes[:1] == [1] * bool(hosts)
    assert all(0 < later <= min(earlier * growth, largest) for earlier, later in pairwise(sizes))
    full = [(earlier, later) for earlier, later in pairwise(sizes[:-1])]
    assert all(later == min(earlier * growth, largest) for earlier, later in full), "only the last is smaller"


@pytest.mark.parametrize("bounds", [{"growth": 0}, {"largest": 0}, {"growth": -1}])
def test_bounds_below_one_are_refused(bounds: dict[str, int]):
    with pytest.raises(ValueError, match="at least 1"):
        stages(["web-1"], **bounds)
