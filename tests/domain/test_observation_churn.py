"""A complete exporter is complete under churn and bursts, whatever the phase between its rounds and the ticks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.domain.metrics import Metric
from tests.support.exports import Scene, all_of, folded, of, row

CPU = Metric.CPU_COVERAGE
TICKS = 121


def churn(period, life, offset, cores=0.8):
    """One steady process, and one that is born every `period` and lives for `life`; both from before the run."""

    def alive(t):
        rows = [row(1, cpu=0.5 * (t + 500))]
        newest = int((t - offset + 20 * period) // period)
        for n in range(max(newest - int(life / period) - 1, 0), newest + 1):
            born = offset + (n - 20) * period
            if born <= t < born + life:
                rows.append(row(100 + n, cpu=cores * (t - born), born=born))
        return rows

    return alive


def play(alive, shown, ticks=TICKS):
    scene = Scene()
    return [scene.tick(i, alive(i), shown(i - 0.5), measured=i >= 3) for i in range(ticks)][-1]


@settings(max_examples=25, deadline=None)
@given(st.floats(1.3, 9), st.floats(0.1, 20), st.floats(0, 1))
def test_a_complete_exporter_has_a_coverage_of_1_under_churn(period, life, offset):
    alive = churn(period, life, offset)
    sample = play(alive, lambda t: all_of(alive(t), t))
    assert sample.values[CPU] == pytest.approx(1, abs=0.02)


def test_lives_that_no_collection_round_can_see_are_not_missing_from_it():
    """Born 0.3 s before a tick and gone 0.2 s after it: in the table, and between the rounds."""
    alive = churn(1.0, 0.5, 0.7)
    assert play(alive, lambda t: all_of(alive(t), t)).values[CPU] == pytest.approx(1, abs=0.01)


def test_lives_that_no_table_can_see_are_not_counted_twice():
    alive = churn(1.0, 0.5, 0.2)
    assert play(alive, lambda t: all_of(alive(t), t)).values[CPU] == pytest.approx(1, abs=0.01)


def test_an_exporter_that_drops_the_short_lived_does_not_pass_as_complete():
    alive = churn(4.0, 3.5, 0.3)
    sample = play(alive, lambda t: of(alive(t)[0], t))
    assert sample.values[CPU] + sample.coverage_slack < 0.65


def test_an_exporter_that_counts_twice_shows_although_its_processes_end():
    alive = churn(8.0, 7.5, 0.3)
    sample = play(alive, lambda t: [p for r in alive(t) for p in of(r, t, cpu=2 * r.cpu_seconds)])
    assert sample.values[CPU] - sample.coverage_slack > 1.5


@settings(max_examples=25, deadline=None)
@given(st.floats(1.3, 9), st.floats(2.2, 20), st.floats(0, 1))
def test_a_complete_fold_is_within_the_slack_under_churn(period, life, offset):
    """From two intervals of life on: what a fold has of shorter lives cannot be told apart, and may be more."""
    alive = churn(period, life, offset)
    seen = {}

    def shown(t):
        for r in alive(t)[1:]:
            seen[r.pid] = (seen.get(r.pid, (r.cpu_seconds if t < 0 else 0.0, 0))[0], r.cpu_seconds)
        total = sum(last - first for first, last in seen.values())
        return [*of(alive(t)[0], t), *folded(total, 1, t)]

    sample = play(alive, shown)
    assert sample.values[CPU] - sample.coverage_slack <= 1.02
    assert sample.values[CPU] + sample.coverage_slack >= 0.98


@settings(max_examples=50, deadline=None)
@given(
    st.integers(10, 120),
    st.lists(st.tuples(st.floats(0, 120), st.floats(0, 5)), max_size=6),
    st.floats(0.001, 1),
)
def test_a_complete_exporter_is_within_the_slack_of_1_whenever_it_bursts(ticks, bursts, ago):
    last = [*bursts, (ticks - 1 - ago * 0.5, 1.5)]

    def alive(t):
        used = 0.25 * (t + 500) + sum(seconds for at, seconds in last if at <= t)
        return [row(1, cpu=used)]

    sample = play(alive, lambda t: all_of(alive(t), t), ticks)
    assert sample.values[CPU] - sample.coverage_slack <= 1.001
    assert sample.values[CPU] + sample.coverage_slack >= 0.999


def test_the_slack_of_a_steady_host_is_one_scrape_of_the_run():
    def alive(t):
        return [row(1, cpu=0.5 * (t + 500))]

    assert play(alive, lambda t: all_of(alive(t), t)).coverage_slack == pytest.approx(1 / 118, rel=0.02)
