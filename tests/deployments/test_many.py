"""Many hosts cost time once, and work as often as there are hosts."""

import pytest

from benchmarks.deployments import ratios

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]


def test_hosts_at_once_take_less_time_than_one_after_the_other(tmp_path):
    *_, ratio = ratios(tmp_path / "home", 5)
    assert ratio.wall <= 0.7


@pytest.mark.soak
def test_fifty_at_once_take_less_time_and_no_more_work(tmp_path):
    one_by_one, at_once, ratio = ratios(tmp_path / "home")
    print(one_by_one, at_once, ratio)
    assert ratio.wall <= 0.7
    assert ratio.cpu <= 1.05
