import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.services.measuring.ticker import Ticker, mid_interval_shift


class Clock(threading.Event):
    """Monotonic time and the event that ends a wait in one: waiting moves the time."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def wait(self, timeout=None):
        if not self.is_set():
            self.now += timeout
        return self.is_set()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ticker(clock):
    return Ticker(timedelta(seconds=5), clock, clock)


def test_ticks_come_on_an_absolute_schedule_that_work_does_not_move(clock, ticker):
    ticks = []
    for work in (0.3, 4.9, 1.7, 0.0):
        ticks.append(ticker.wait())
        clock.now += work
    assert ticks == [0, 5, 10, 15]


def test_a_late_tick_is_left_out_and_never_made_up_for(clock, ticker):
    ticker.wait()
    clock.now += 12
    assert [ticker.wait(), ticker.wait()] == [15, 20]


def test_a_wait_that_is_interrupted_ends_at_once_and_the_tick_is_still_to_come(clock, ticker):
    ticker.wait()
    clock.now += 2
    clock.set()
    assert ticker.wait() == 2
    clock.clear()
    assert ticker.wait() == 5


def test_alignment_moves_the_schedule_once(clock, ticker):
    ticker.wait()
    assert ticker.align([0.5]) == 2
    assert [ticker.wait(), ticker.wait()] == [7, 12]


def test_alignment_backwards_never_bunches_ticks(clock, ticker):
    ticker.wait()
    clock.now += 3
    assert ticker.align([4.9]) == pytest.approx(-2.4)
    assert [ticker.wait(), ticker.wait()] == pytest.approx([7.6, 12.6])


@pytest.mark.parametrize(
    ("ages", "shift"),
    [
        ([], 0),
        ([2.5], 0),
        ([0.0], 2.5),
        ([4.0], -1.5),
        ([14.0], -1.5),
        ([2.0, 3.0], 0),
        ([0.0, 1.0], 2.0),
        ([1.0, 1.0], 1.5),
    ],
)
def test_collectors_are_read_in_the_middle_of_their_largest_gap(ages, shift):
    assert mid_interval_shift(ages, 5.0) == pytest.approx(shift)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=6), st.floats(0.5, 20))
def test_no_round_is_nearer_to_the_reading_than_it_must_be(ages, interval):
    shift = mid_interval_shift(ages, interval)
    assert abs(shift) <= interval / 2 + 1e-9
    distances = [min((age + shift) % interval, -(age + shift) % interval) for age in ages]
    # n rounds leave a gap of at least interval / n, and its middle is half of that away.
    assert min(distances) >= interval / (2 * len(ages)) - 1e-6


def test_an_event_of_another_thread_ends_a_real_wait():
    interrupted = threading.Event()
    ticker = Ticker(timedelta(hours=1), interrupted)
    ticker.wait()
    threading.Timer(0.05, interrupted.set).start()
    assert ticker.wait() < 60
