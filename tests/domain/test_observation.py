import pytest

from phoenix.domain.metrics import Metric
from phoenix.domain.observation.exports import Telemetry
from tests.support.exports import Scene, all_of, folded, of, point, row

NGINX = [row(pid, "nginx") for pid in (11, 12, 13)]


def rated(**fields):
    """Values of the second of two scrapes, 2 s apart, of a collector that tells these counters."""
    scene = Scene()
    first = {name: values[0] for name, values in fields.items()}
    second = {name: values[1] for name, values in fields.items()}
    scene.tick(0, NGINX, all_of(NGINX, -0.5), telemetry=Telemetry(10.0, **first))
    return scene.tick(2, NGINX, all_of(NGINX, 1.5), telemetry=Telemetry(12.0, **second)).values


class TestSeries:
    def test_cardinality_counts_series_not_metric_names(self):
        """Counting by metric name makes every pipeline with the same metrics look equal: 5 names, 24 series."""
        assert Scene().tick(0, NGINX, all_of(NGINX, -0.5)).values[Metric.SERIES] == 24

    def test_an_empty_result_is_missing_and_not_a_reduction_of_100_percent(self):
        sample = Scene().tick(0, NGINX, [])
        assert Metric.SERIES not in sample.values
        assert Metric.DISTINCT_SERIES not in sample.values
        assert sample.export_age_seconds is None

    def test_what_no_pipeline_can_change_is_not_counted(self):
        noise = [point(name, 1.0, None) for name in ("target_info", "up", "scrape_samples_scraped")]
        assert Scene().tick(0, NGINX, noise).values == {}
        assert Scene().tick(0, NGINX, [*noise, *of(NGINX[0], 0)]).values[Metric.SERIES] == 8

    def test_distinct_series_count_churn_from_the_first_measured_scrape_on(self):
        scene = Scene()
        scene.tick(0, NGINX, of(row(7), 0), measured=False)
        values = [scene.tick(i, NGINX, of(row(20 + i), i)).values for i in (1, 2, 3)]
        assert [v[Metric.DISTINCT_SERIES] for v in values] == [8, 16, 24]
        assert [v[Metric.SERIES] for v in values] == [8, 8, 8]

    def test_distinct_series_are_not_said_in_the_warm_up(self):
        assert Metric.DISTINCT_SERIES not in Scene().tick(0, NGINX, of(row(7), 0), measured=False).values


class TestRates:
    def test_are_growth_over_the_time_between_the_readings(self):
        values = rated(points_sent=(100, 180), bytes_sent=(0, 5000), cpu_seconds=(1.0, 1.1))
        assert values[Metric.DATAPOINTS_PER_SECOND] == 40
        assert values[Metric.BYTES_PER_SECOND] == 2500
        assert values[Metric.COLLECTOR_CPU_CORES] == pytest.approx(0.05)

    def test_cpu_is_the_growth_of_the_counter_and_not_its_average(self):
        assert rated(cpu_seconds=(1000.0, 1000.2))[Metric.COLLECTOR_CPU_CORES] == pytest.approx(0.1)

    def test_a_counter_that_fell_gives_no_rate(self):
        values = rated(points_sent=(100, 10), cpu_seconds=(5.0, 0.1))
        assert Metric.DATAPOINTS_PER_SECOND not in values
        assert Metric.COLLECTOR_CPU_CORES not in values

    def test_a_counter_that_is_not_told_gives_no_rate(self):
        values = rated(points_sent=(100, 180))
        assert Metric.BYTES_PER_SECOND not in values
        assert Metric.COLLECTOR_MEMORY_BYTES not in values

    def test_the_first_reading_gives_none_but_the_memory(self):
        values = Scene().tick(0, NGINX, [], telemetry=Telemetry(0, 1, 5e7, 1, 1, 1)).values
        assert values == {Metric.COLLECTOR_MEMORY_BYTES: 5e7}

    def test_the_collectors_counters_are_passed_on(self):
        telemetry = Telemetry(0, cpu_seconds=1.5, points_received=90)
        sample = Scene().tick(0, NGINX, [], telemetry=telemetry, throttled=3)
        assert (sample.cpu_seconds, sample.points_received, sample.throttled_periods) == (1.5, 90, 3)


class TestCritical:
    def run(self, rows, points, pattern="^nginx$", ticks=3):
        scene = Scene(pattern)
        return [scene.tick(i, rows, points(i)) for i in range(ticks)][-1]

    def test_one_of_many_processes_of_one_name_is_missed(self):
        """Coverage by executable name is blind to one nginx of three."""
        sample = self.run(NGINX, lambda i: all_of(NGINX[:2], i - 0.5))
        assert [(p.name, p.pid) for p in sample.missed] == [("nginx", 13)]
        assert sample.critical == 3
        assert sample.values[Metric.CRITICAL_RETENTION] == pytest.approx(2 / 3)

    def test_a_process_that_both_variants_miss_is_missed(self):
        """Truth is the kernel's table, so each variant is told its own miss whatever the other exports."""
        for _ in range(2):
            assert self.run(NGINX, lambda i: all_of(NGINX[1:], i - 0.5)).missed[0].pid == 11

    def test_nothing_to_compare_is_not_100_percent(self):
        sample = self.run([row(1, "sh")], lambda i: of(row(1, "sh"), i))
        assert sample.critical == 0
        assert Metric.CRITICAL_RETENTION not in sample.values

    def test_an_empty_exposition_misses_every_critical_process(self):
        sample = self.run(NGINX, lambda _: [])
        assert len(sample.missed) == 3
        assert sample.values[Metric.CRITICAL_RETENTION] == 0

    def test_nobody_must_be_exported_before_two_intervals(self):
        assert [self.run(NGINX, lambda _: [], ticks=n).critical for n in (1, 2, 3)] == [0, 0, 3]

    def test_a_new_name_must_be_exported_after_two_intervals_under_it(self):
        scene = Scene("^nginx$")
        names = ["sh", "sh", "sh", "nginx", "nginx", "nginx"]
        assert [scene.tick(i, [row(5, n)], []).critical for i, n in enumerate(names)] == [0, 0, 0, 0, 0, 1]

    def test_a_reused_pid_is_a_new_process(self):
        scene = Scene("^nginx$")
        for i in (0, 1):
            scene.tick(i, [row(5, "nginx")], [])
        assert scene.tick(2, [row(5, "nginx", born=1.5)], []).critical == 0

    def test_a_zombie_need_not_be_exported(self):
        assert self.run([row(5, "nginx", zombie=True)], lambda _: []).critical == 0

    def test_a_series_that_only_waits_to_expire_is_no_export(self):
        assert self.run(NGINX, lambda _: all_of(NGINX, -0.5), ticks=3).missed == ()
        assert len(self.run(NGINX, lambda _: all_of(NGINX, -0.5), ticks=4).missed) == 3

    def test_without_time_stamps_presence_decides(self):
        assert self.run(NGINX, lambda _: all_of(NGINX, None)).missed == ()

    def test_a_series_of_that_pid_under_another_name_is_no_export(self):
        assert len(self.run(NGINX, lambda i: all_of([row(p.pid, "old") for p in NGINX], i)).missed) == 3

    def test_a_folded_series_of_that_name_is_no_export(self):
        assert len(self.run(NGINX, lambda i: folded(1, 1, i, "nginx")).missed) == 3

    def test_a_failed_census_requires_nothing(self):
        scene = Scene("^nginx$")
        for i in range(3):
            scene.tick(i, NGINX, [])
        sample = scene.tick(3, None, all_of(NGINX, 2.5))
        assert (sample.critical, sample.missed) == (0, ())
        assert Metric.CRITICAL_RETENTION not in sample.values


class TestAge:
    def test_is_that_of_the_newest_point(self):
        points = [*of(NGINX[0], 3.5), *of(NGINX[1], 1.5)]
        assert Scene().tick(4, NGINX, points).export_age_seconds == pytest.approx(0.5)

    @pytest.mark.parametrize(("rows", "at"), [(None, 3.5), (NGINX, None)])
    def test_is_absent_without_a_clock_to_hold_it_against(self, rows, at):
        assert Scene().tick(4, rows, all_of(NGINX, at)).export_age_seconds is None

    def test_a_point_collected_after_the_tick_is_not_older_than_nothing(self):
        assert Scene().tick(4, NGINX, all_of(NGINX, 4.01)).export_age_seconds == 0


def test_a_failed_census_leaves_what_depends_on_it_absent():
    scene = Scene("^nginx$")
    for i in range(3):
        scene.tick(i, [row(11, "nginx", cpu=i)], of(row(11, "nginx", cpu=i), i))
    sample = scene.tick(3, None, of(row(11, "nginx", cpu=3), 3))
    assert set(sample.values) == {Metric.SERIES, Metric.DISTINCT_SERIES}
    assert sample.throttled_periods is None
