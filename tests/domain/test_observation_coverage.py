import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.domain.metrics import Metric
from tests.support.exports import Scene, all_of, folded, of, point, row

CPU, MEMORY = Metric.CPU_COVERAGE, Metric.MEMORY_COVERAGE


def steady(pid, at, cores=0.2, born=-500.0, name="app"):
    """A process that has used `cores` since its birth."""
    return row(pid, name, cpu=cores * (at - born), born=born)


def play(scene, ticks, alive, shown, *, first_measured=1):
    """Tick by tick: `alive(t)` are the rows then; `shown(t)` is exported of the round half a second before the tick."""
    sample = None
    for i in range(ticks):
        sample = scene.tick(i, alive(i), shown(i - 0.5), measured=i >= first_measured)
    return sample


class TestCpuCoverage:
    def test_of_everything_is_1_whatever_the_phase_of_the_collector(self):
        def alive(t):
            return [steady(pid, t) for pid in range(1, 6)]

        assert play(Scene(), 4, alive, lambda t: all_of(alive(t), t)).values[CPU] == pytest.approx(1)

    def test_of_some_is_their_share(self):
        def alive(t):
            return [steady(1, t, 0.6), steady(2, t, 0.2)]

        assert play(Scene(), 9, alive, lambda t: of(alive(t)[0], t)).values[CPU] == pytest.approx(0.75)

    def test_of_a_sum_that_falls_when_a_process_ends_shows_the_loss(self):
        """A naive sum over processes falls at an exit; increase() takes the fall for a reset."""

        def alive(t):
            return [steady(1, t, 0.5), *([steady(2, t, 0.5)] if t < 5 else [])]

        def naive(t):
            return folded(sum(p.cpu_seconds for p in alive(t)), 1, t)

        assert play(Scene(), 9, alive, naive).values[CPU] > 1.05

    def test_what_the_output_never_had_is_missing_and_not_0(self):
        def alive(t):
            return [steady(1, t)]

        def shown(t):
            return [point("process_threads", 1, t, process_pid="1", process_executable_name="app")]

        values = play(Scene(), 9, alive, shown).values
        assert CPU not in values
        assert MEMORY not in values

    def test_of_a_host_that_used_hardly_any_cpu_is_missing_and_not_100_percent(self):
        def alive(t):
            return [steady(1, t, 0.01)]

        assert CPU not in play(Scene(), 9, alive, lambda t: all_of(alive(t), t)).values

    def test_nothing_to_compare_is_missing(self):
        assert CPU not in play(Scene(), 9, lambda _: [], lambda t: of(row(1), t)).values

    def test_the_warm_up_does_not_count(self):
        def alive(t):
            return [steady(1, t, 0.5)]

        def shown(t):
            return of(alive(t)[0], t) if t > 4 else folded(1, 1, t)

        assert play(Scene(), 12, alive, shown, first_measured=6).values[CPU] == pytest.approx(1)

    def test_a_process_born_in_the_window_counts_from_0(self):
        def alive(t):
            return [steady(1, t, 0.1), *([steady(2, t, 0.9, born=3.2)] if t >= 3.2 else [])]

        assert play(Scene(), 12, alive, lambda t: all_of(alive(t), t)).values[CPU] == pytest.approx(
            1, abs=0.02
        )

    def test_an_old_process_that_appears_counts_from_its_first_value(self):
        def alive(t):
            return [steady(1, t, 0.5)]

        def shown(t):
            return of(alive(t)[0], t) if t > 4 else [point("process_threads", 1, t)]

        # 4.5 .. 10.5 of 0.5 .. 10.5 was exported; the 250 s used before are nobody's growth.
        assert play(Scene(), 12, alive, shown).values[CPU] == pytest.approx(6 / 10)

    def test_short_lived_processes_count_although_they_are_gone(self):
        def alive(t):
            return [steady(1, t, 0.1), steady(100 + int(t // 2.7), t, 0.9, born=2.7 * (t // 2.7))]

        assert play(Scene(), 271, alive, lambda t: all_of(alive(t), t)).values[CPU] == pytest.approx(
            1, abs=0.01
        )

    def test_a_process_that_rewrites_its_command_line_is_not_counted_from_0_again(self):
        def alive(t):
            return [steady(1, t, 0.2), *([steady(2, t, 0.5, born=1.2)] if t >= 1.2 else [])]

        def shown(t):
            return [p for r in alive(t) for p in of(r, t, process_command=f"postgres: query {int(t)}")]

        assert play(Scene(), 20, alive, shown).values[CPU] <= 1.01

    def test_what_is_folded_first_and_kept_later_is_not_counted_twice(self):
        """The folded series has what the process used until it was kept."""

        def young(t):
            return steady(2, t, 0.5, born=1.2)

        def alive(t):
            return [steady(1, t, 0.5), *([young(t)] if t >= 1.2 else [])]

        def shown(t):
            if t < 1.2:
                return [*of(alive(t)[0], t), *folded(0, 1, t)]
            in_fold = young(min(t, 7.5)).cpu_seconds
            return [*of(alive(t)[0], t), *folded(in_fold, 1, t), *(of(young(t), t) if t > 8 else [])]

        assert play(Scene(), 16, alive, shown).values[CPU] == pytest.approx(1, abs=0.05)

    def test_a_reset_adds_the_new_value(self):
        def alive(t):
            return [steady(1, t, 1.0)]

        def shown(t):
            return of(alive(t)[0], t, cpu=t + 1 if t < 5 else t - 4.5)

        assert play(Scene(), 11, alive, shown).values[CPU] == pytest.approx(1, abs=0.1)

    def test_a_missed_scrape_loses_nothing(self):
        scene, alive = Scene(), lambda t: [steady(1, t, 0.5)]
        for i in (0, 1, 2, 5, 6):
            sample = scene.tick(i, alive(i), of(alive(i - 0.5)[0], i - 0.5))
        assert sample.values[CPU] == pytest.approx(1)

    def test_without_time_stamps_the_tick_is_taken(self):
        def alive(t):
            return [steady(1, t, 0.5)]

        def shown(t):
            return of(alive(t)[0], None)

        assert play(Scene(), 9, alive, shown).values[CPU] == pytest.approx(1)

    @given(
        st.lists(st.floats(0, 2), min_size=2, max_size=8),
        st.lists(st.booleans(), min_size=8, max_size=8),
    )
    def test_shares_of_a_partition_add_up_to_1(self, cores, sides):
        def alive(t):
            return [steady(pid, t, use) for pid, use in enumerate(cores, 1)]

        def coverage(side):
            always = folded(0, 0, None)

            def mine(t):
                return [p for r, s in zip(alive(t), sides, strict=False) if s is side for p in of(r, t)]

            return play(Scene(), 5, alive, lambda t: [*always, *mine(t)]).values.get(CPU)

        shares = [coverage(True), coverage(False)]
        if None in shares:
            assert sum(cores) * 4 < 0.6
        else:
            assert sum(shares) == pytest.approx(1)


class TestMemoryCoverage:
    def test_is_the_share_of_resident_memory_averaged_over_the_window(self):
        rows = [row(1, rss=300), row(2, rss=100)]

        def shown(t):
            return all_of(rows if t > 3 else rows[:1], t)

        assert play(Scene(), 9, lambda _: rows, shown).values[MEMORY] == pytest.approx((3 * 0.75 + 5) / 8)

    def test_a_series_that_waits_to_expire_is_not_counted_beside_the_fold_that_took_its_process(self):
        rows = [row(1, rss=300), row(2, rss=100)]

        def shown(t):
            return [*of(rows[0], t), *of(rows[1], min(t, 2.5)), *folded(1, 100 if t > 3 else 0, t)]

        assert play(Scene(), 6, lambda _: rows, shown).values[MEMORY] == pytest.approx(1)

    def test_is_missing_where_the_kernel_shows_none(self):
        assert MEMORY not in play(Scene(), 3, lambda _: [row(1, rss=0)], lambda t: of(row(1), t)).values


class TestPresence:
    def flaps(self, shown, alive=lambda _: [row(1)]):
        sample = play(Scene(), 11, alive, shown)
        return sample.values[Metric.FLAP_RATE] * 9

    def test_a_process_that_leaves_and_returns_flaps(self):
        def other(t):
            return of(row(9), t)

        assert self.flaps(lambda t: other(t) + (of(row(1), t) if int(t) % 4 < 2 else [])) == pytest.approx(2)

    def test_a_process_that_ends_does_not(self):
        def alive(t):
            return [row(2), *([row(1)] if int(t) % 4 < 2 else [])]

        assert self.flaps(lambda t: all_of(alive(t + 0.5), t), alive) == 0

    def test_a_new_process_under_an_old_pid_does_not(self):
        def alive(t):
            return [row(1, born=-500 if t < 5 else 4.0)]

        assert self.flaps(lambda t: of(row(1), t) if t < 3 or t > 6 else of(row(9), t), alive) == 0

    def test_the_delay_is_from_the_start_to_the_first_export(self):
        def alive(t):
            return [row(1), *([row(2, born=2.25)] if t > 2.25 else [])]

        def shown(t):
            return all_of(alive(t) if t > 5 else alive(0), t)

        values = play(Scene(), 9, alive, shown).values
        assert values[Metric.DETECTION_DELAY_SECONDS] == pytest.approx(5.5 - 2.25)

    def test_there_is_no_delay_without_a_new_process(self):
        assert (
            Metric.DETECTION_DELAY_SECONDS
            not in play(Scene(), 9, lambda _: [row(1)], lambda t: of(row(1), t)).values
        )

    def test_an_output_that_keeps_no_process_has_no_flap_rate(self):
        assert Metric.FLAP_RATE not in play(Scene(), 9, lambda _: [row(1)], lambda t: folded(1, 1, t)).values


class TestValueError:
    def error(self, exported, alive=lambda t: [steady(1, t, 0.5)], ticks=5):
        return play(Scene(), ticks, alive, exported).values.get(Metric.VALUE_ERROR)

    def test_is_0_for_what_lies_between_two_takes(self):
        assert self.error(lambda t: of(steady(1, t, 0.5), t)) == 0

    def test_is_relative_beyond_them(self):
        assert self.error(lambda t: of(steady(1, t, 0.5), t, cpu=126.0)) == pytest.approx(
            (252 - 126 - 0.5) / 252, abs=1e-3
        )

    def test_is_that_of_the_worst_process(self):
        def alive(t):
            return [steady(1, t, 0.5), steady(2, t, 0.5)]

        def shown(t):
            return [*of(alive(t)[0], t), *of(alive(t)[1], t, cpu=0)]

        assert self.error(shown, alive) == pytest.approx(1, abs=0.01)

    def test_little_cpu_is_not_compared(self):
        assert self.error(lambda t: of(row(1, cpu=0.9), t, cpu=0), lambda _: [row(1, cpu=0.9)]) is None

    def test_a_folded_series_is_no_process(self):
        assert self.error(lambda t: folded(0, 0, t)) is None

    def test_needs_a_take_before_the_export(self):
        assert self.error(lambda t: of(steady(1, t, 0.5), t), ticks=1) is None

    def test_old_series_of_a_rewritten_command_line_are_not_added(self):
        def shown(t):
            return [p for at in (t - 1, t) for p in of(steady(1, at, 0.5), at, process_command=f"{int(at)}")]

        assert self.error(shown) == 0

    def test_without_time_stamps_two_intervals_are_allowed_for(self):
        assert self.error(lambda t: of(steady(1, t - 1, 0.5), None)) == 0
