import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from phoenix.domain.decision.pairing import open_window
from phoenix.domain.decision.retention import judge_retention
from phoenix.domain.errors import DependencyError
from phoenix.domain.metrics import Metric
from phoenix.services.measuring.measurement import Measurement
from tests.domain.runs import design
from tests.support.exports import EPOCH, row
from tests.support.scripted_host import ScriptedCensus, ScriptedHost, collector

ROWS = [row(11, "nginx"), row(12, "nginx"), row(13, "sh")]
TELEMETRY = b"""\
otelcol_process_cpu_seconds 1.5
otelcol_process_memory_rss 5e+07
otelcol_receiver_accepted_metric_points{receiver="host_metrics",transport=""} 240
otelcol_exporter_sent_metric_points{exporter="prometheus/phoenix"} 80
otelcol_exporter_sent_metric_points{exporter="debug"} 99
otelcol_processor_batch_batch_send_size_bytes_sum{processor="batch"} 3000
"""


def exposition(*pids: int) -> bytes:
    stamp = int(EPOCH * 1000)
    line = 'process_threads{{process_executable_name="nginx",process_pid="{}"}} 1 {}\n'
    return "".join(line.format(pid, stamp) for pid in pids).encode()


def answers(**more):
    found = {f"{place}/telemetry": TELEMETRY for place in ("baseline", "candidate")}
    return found | {"baseline/metrics": exposition(11, 12), "candidate/metrics": exposition(11)} | more


def measurement(host, takes, critical=("^nginx$",)):
    collectors = collector("baseline", 101), collector("candidate", 102)
    return Measurement(host, *collectors, ScriptedCensus(takes), critical, timedelta(seconds=5))


def scrapes(host, takes, critical=("^nginx$",)):
    found = measurement(host, takes, critical)
    return [found.scrape(i, lambda i=i: 5.0 * i, measured=True) for i in range(1, len(takes) + 1)]


def test_both_variants_are_judged_by_the_same_table():
    last = scrapes(ScriptedHost(answers()), [ROWS] * 3)[-1]
    assert (last.number, last.host, last.at_seconds, last.wall_seconds) == (3, "web-1", 7.0, EPOCH + 3)
    assert last.baseline.missed == ()
    assert [p.pid for p in last.candidate.missed] == [12]
    assert (last.baseline.critical, last.candidate.critical) == (2, 2)


def test_counters_come_from_the_collectors_telemetry():
    sample = scrapes(ScriptedHost(answers()), [ROWS])[0].baseline
    assert (sample.cpu_seconds, sample.points_received) == (1.5, 240)
    assert sample.values[Metric.COLLECTOR_MEMORY_BYTES] == 5e7


def test_only_what_the_measurement_exporter_sent_is_counted():
    sent = iter([80, 120])

    def telemetry():
        return TELEMETRY.replace(b"} 80", b"} %d" % next(sent))

    values = scrapes(ScriptedHost(answers(**{"baseline/telemetry": telemetry})), [ROWS] * 2)[
        1
    ].baseline.values
    assert values[Metric.DATAPOINTS_PER_SECOND] > 0
    # 40 points over the same time in which no byte was sent: the ratio is free of the clock.
    assert values[Metric.BYTES_PER_SECOND] == 0


@pytest.mark.parametrize("kind", ["metrics", "telemetry"])
@pytest.mark.parametrize("answer", [DependencyError("does not answer"), b'process_threads{a="b'])
def test_a_failed_arm_says_why_and_has_no_values(kind, answer):
    scrape = scrapes(ScriptedHost(answers(**{f"candidate/{kind}": answer})), [ROWS])[0]
    assert scrape.candidate.error
    assert scrape.candidate.values == {}
    assert scrape.candidate.cpu_seconds is None
    assert scrape.baseline.values[Metric.SERIES] == 2


def test_the_error_of_a_dead_collector_is_why_it_died():
    host = ScriptedHost(
        answers(**{"candidate/metrics": DependencyError("refused")}), {"candidate": "out of memory"}
    )
    assert "out of memory" in scrapes(host, [ROWS])[0].candidate.error


def test_a_host_that_is_gone_leaves_the_first_error():
    class Gone(ScriptedHost):
        def exit_reason(self, place):  # noqa: ARG002 - the port's signature
            raise DependencyError("no route")

    host = Gone(answers(**{"candidate/metrics": DependencyError("timed out")}))
    assert scrapes(host, [ROWS])[0].candidate.error == "timed out"


def test_a_failed_scrape_is_missing_and_no_miss():
    found = answers()
    host = ScriptedHost(found)
    arms = measurement(host, [ROWS] * 4)
    for i in (1, 2, 3):
        arms.scrape(i, float, measured=True)
    found["candidate/metrics"] = DependencyError("refused")
    sample = arms.scrape(4, float, measured=True).candidate
    assert (sample.critical, sample.missed) == (0, ())


def test_a_failed_census_leaves_what_depends_on_it_missing():
    last = scrapes(ScriptedHost(answers()), [ROWS, ROWS, ROWS, None])[-1]
    assert last.wall_seconds > 0
    for sample in (last.baseline, last.candidate):
        assert Metric.SERIES in sample.values
        assert Metric.CRITICAL_RETENTION not in sample.values
        assert sample.export_age_seconds is None
        assert (sample.error, sample.critical, sample.is_judged) == ("", 0, False)


def test_a_failed_census_matches_no_pattern():
    last = scrapes(ScriptedHost(answers()), [ROWS, None], ("^nginx$", "^java$"))[-1]
    assert last.unmatched == ("^nginx$", "^java$")


def test_a_pattern_that_never_matched_is_named_although_a_census_failed():
    taken = scrapes(ScriptedHost(answers()), [ROWS, None, ROWS, None, ROWS], ("^nginx$", "^java$"))
    plan = design(hosts=("web-1",), warmup=2)
    assert judge_retention(taken, open_window(taken, plan), plan).unmatched == (("^java$", "web-1"),)


def test_patterns_without_a_living_process_are_named():
    scrape = scrapes(ScriptedHost(answers()), [[*ROWS, row(9, "java", zombie=True)]], ("^nginx$", "^java$"))[
        0
    ]
    assert scrape.unmatched == ("^java$",)


def test_a_pattern_is_undue_until_a_process_of_it_has_lived_for_two_intervals():
    taken = scrapes(ScriptedHost(answers()), [ROWS, ROWS, ROWS, None, ROWS], ("^nginx$", "^java$"))
    both = ("^nginx$", "^java$")
    assert [scrape.undue for scrape in taken] == [both, both, ("^java$",), both, ("^java$",)]


def test_throttling_is_asked_for_both_collectors():
    session = ScriptedCensus([ROWS])
    arms = collector("baseline", 101), collector("candidate", 102)
    Measurement(ScriptedHost(answers()), *arms, session, (), timedelta(seconds=5)).scrape(
        1, float, measured=False
    )
    assert session.asked == [(101, 102)]


def test_a_variant_that_is_left_out_is_none():
    one = Measurement(
        ScriptedHost(answers()),
        None,
        collector("candidate", 102),
        ScriptedCensus([ROWS]),
        (),
        timedelta(seconds=5),
    )
    scrape = one.scrape(1, float, measured=False)
    assert scrape.baseline is None
    assert scrape.candidate.values[Metric.SERIES] == 1


def test_both_variants_and_the_table_are_read_at_the_same_time():
    """Each answer waits for the others: read one after another, this would time out."""
    together = threading.Barrier(3, timeout=5)

    class Session(ScriptedCensus):
        def take(self, collectors, timeout):
            together.wait()
            return super().take(collectors, timeout)

    def metrics():
        together.wait()
        return exposition(11)

    host = ScriptedHost(answers(**{"baseline/metrics": metrics, "candidate/metrics": metrics}))
    arms = collector("baseline", 101), collector("candidate", 102)
    scrape = Measurement(host, *arms, Session([ROWS]), (), timedelta(seconds=5)).scrape(
        1, float, measured=False
    )
    assert scrape.candidate.values[Metric.SERIES] == 1


def test_a_host_that_is_read_late_or_not_at_all_has_no_clock_that_jumped():
    class Late(ScriptedCensus):
        """The third table is read 0.6 s after it was asked for; the host's clocks differ from ours."""

        def take(self, collectors, timeout):
            found = super().take(collectors, timeout)
            late = 0.6 * (len(self.asked) == 3)
            return replace(
                found, at_seconds=7000 + found.at_seconds + late, wall_seconds=found.wall_seconds + late
            )

    arms = collector("baseline", 101), collector("candidate", 102)
    session = Late([ROWS, ROWS, ROWS, None, ROWS])
    one = Measurement(ScriptedHost(answers()), *arms, session, (), timedelta(seconds=1))
    found = [one.scrape(n, lambda n=n: float(n), measured=True) for n in range(1, 6)]
    assert [s.at_seconds for s in found] == pytest.approx([1, 2, 3.6, 4.6, 5])
    assert [s.wall_seconds - s.at_seconds for s in found] == pytest.approx([EPOCH] * 5)
