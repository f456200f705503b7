"""How well a rate is held; the ratios against a bare loop are measured by `make bench-load`, where the machine is quiet."""

from statistics import median

import pytest

from benchmarks.load import RATE, bare, churn, pairs

pytestmark = pytest.mark.real


def test_a_minute_at_25_spawns_a_second():
    held = churn(60, RATE, 1.0)
    assert held["rate"] == pytest.approx(RATE, rel=0.01)
    assert held["cores"] - bare("pace", RATE, 10)["cores"] < 0.02


@pytest.mark.soak
def test_five_minutes_at_25_spawns_a_second():
    held = churn(300, RATE, 1.0)
    assert held["rate"] == pytest.approx(RATE, rel=0.01)
    assert held["cores"] - bare("pace", RATE, 60)["cores"] < 0.02


@pytest.mark.soak
def test_starts_are_not_late():
    found = pairs(lambda: churn(30, RATE, 1.0), lambda: bare("pace", RATE, 30))
    assert median(ours["p99"] / theirs["p99"] for ours, theirs in found) <= 2
