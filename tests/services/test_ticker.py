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
        ticks.append(ticker.wait().at_seconds)
        clock.now += work
    assert ticks == [0, 5, 10, 15]


def test_a_late_tick_is_left_out_and_never_made_up_for(clock, ticker):
    ticker.wait()
    clock.now += 12
    assert [ticker.wait(), ticker.wait()] == [(4, 15), (5, 20)]


def test_a_wait_that_is_interrupted_ends_at_once_and_the_tick_is_still_to_come(clock, ticker):
    ticker.wait()
    clock.now += 2
    clock.set()
    assert ticker.wait() == (2, 2)
    clock.clear()
    assert ticker.wait() == (2, 5)


def test_alignment_moves_the_schedule_once(clock, ticker):
    ticker.wait()
    assert ticker.align([0.5]) == 2
    assert [ticker.wait(), ticker.wait()] == [(2, 7), (3, 12)]


def test_alignment_backwards_never_bunches_ticks(clock, ticker):
    ticker.wait()
    clock.now += 3
    assert ticker.align([4.9]) == pytest.approx(-2.4)
    assert [tick.at_seconds for tick in ticker.ticks(3)] == pytest.approx([7.6, 12.6])


def test_a_tick_that_is_left_out_takes_its_number_with_it(clock, ticker):
    numbers = []
    for tick in ticker.ticks(8):
        numbers.append(tick.number)
        clock.now += 12 if tick.number == 2 else 1
    assert numbers == [1, 2, 5, 6, 7, 8]


def test_nobody_waits_for_a_tick_after_the_last_one(clock, ticker):
    for tick in ticker.ticks(3):
        clock.now += 12 if tick.number == 2 else 0
    assert ticker.elapsed() == 17


@pytest.mark.parametrize("work", [0.0, 2.4, 3.0, 4.9])
@pytest.mark.parametrize("age", [0.0, 2.4, 2.6, 4.9])
def test_an_alignment_leaves_no_number_out(clock, ticker, work, age):
    ticker.wait()
    clock.now += work
    ticker.align([age])
    assert [tick.number for tick in ticker.ticks(4)] == [2, 3, 4]


def test_a_tick_that_had_passed_before_an_alignment_stays_left_out(clock, ticker):
    ticker.wait()
    clock.now += 6
    ticker.align([4.9])
    assert ticker.wait() == (3, pytest.approx(7.6))


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
    assert ticker.wait().at_seconds < 60


def test_the_first_tick_of_a_real_clock_is_number_one():
    assert Ticker(timedelta(hours=1), threading.Event()).wait().number == 1
