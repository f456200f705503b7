"""The report: one page that is sound HTML, needs nothing from outside, and shows what others wrote as text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from phoenix.adapters.archive import Archive
from phoenix.domain.decision.comparison import compare
from phoenix.domain.experiment import read_document
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Event, EventKind
from phoenix.manifests.plan import Plan
from phoenix.services.run.context import design_of
from phoenix.services.views.charts import Chart, Line, draw, thinned
from phoenix.services.views.report_charts import look_places, narrowing
from phoenix.services.views.reports import render_report, write_report
from phoenix.services.views.scales import clock_ticks, ticks
from tests.support.seen_experiments import (
    FINDING,
    STARTED,
    WHOLE_RUN,
    document,
    history,
    losing,
    record,
    trace_scrapes,
)

VOID = {"meta", "br", "hr", "img", "input", "link", "line", "rect", "path"}


class Page(HTMLParser):
    """Collects text, elements and what is not closed."""

    def __init__(self, html):
        super().__init__()
        self.text, self.elements, self.open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).replace("\xa0", " ").split())


def promoted(count=144):
    scrapes = trace_scrapes(count=count)
    return render_report(record(scrapes, findings=(FINDING,)), scrapes, history(*WHOLE_RUN))


def test_every_element_is_closed():
    assert Page(promoted()).open == []


def test_nothing_is_loaded_and_nothing_runs():
    page = Page(promoted())

    assert not re.search(r"https?://", promoted())
    assert not [e for e in page.elements if e[0] in ("script", "link", "img", "iframe", "object")]
    assert not [a for _, attrs in page.elements for a in attrs if a in ("src", "href") or a.startswith("on")]


def test_verdict_figures_bound_and_history_are_there():
    words = Page(promoted()).words

    for part in (
        "✓ PROMOTE",
        "process-topk-v1 may replace process-baseline-v1.",
        "phoenix experiment promote topk-on-web",
        "active series cut ≥ 50.0 %",
        "5 of 5 kept; at most 6.3 % of scrapes miss one, with 95 % confidence.",
        "no memory_limiter stands first",
        "warming up: scrapes are taken and thrown away",
        "k = 20",
    ):
        assert part in words


HOSTILE = "<script>alert(1)</script>"


def test_names_of_others_are_shown_as_text():
    scrapes = [replace(s, host=HOSTILE) for s in losing(trace_scrapes(count=40), name=HOSTILE)]
    faults = (Event(1, "exp-k3v9x2ab", EventKind.FAILED, HOSTILE, {"error": HOSTILE}, STARTED),)
    found = record(losing(trace_scrapes(count=40), name=HOSTILE), outcome=Outcome.ROLLED_BACK, error=HOSTILE)
    finding = dict.fromkeys(FINDING, HOSTILE)

    html = render_report(replace(found, name=HOSTILE, findings=(finding,)), scrapes, faults)

    assert not [e for e in Page(html).elements if e[0] == "script"]
    assert Page(html).words.count(HOSTILE) >= 6


def test_an_experiment_that_failed_before_any_scrape_shows_its_error():
    html = render_report(record(phase=Phase.FAILED, outcome=Outcome.NONE, error="port taken"), (), ())

    words = Page(html).words
    assert "✗ FAILED" in words
    assert "port taken" in words
    assert "<svg" not in html


def test_a_missing_effect_is_a_dash():
    row = re.search(r'<tr>\s*<th scope="row"[^>]*>collector memory</th>(.*?)</tr>', promoted(), re.DOTALL)

    assert re.findall(r">([^<>]+)</td>", row[1])[2:] == ["–", "–"]


def test_a_missing_scrape_is_a_gap_in_the_line():
    points = [(1.0, 5.0), (2.0, 5.0), (3.0, None), (4.0, 5.0), (5.0, 5.0)]

    svg = draw(Chart("series", "s", [Line("baseline", "baseline", points)]), "chart1")

    path = re.search(r'<path d="([^"]+)" class="line baseline"/>', svg)[1]
    assert path.count("M") == 2
    assert len(re.findall(r"[ML]", path)) == 4


def test_thinning_keeps_gaps_and_bounds_the_points():
    points = [(float(i), None if 400 <= i < 500 else 1.0) for i in range(1000)]

    few = thinned(points, most=100)

    assert len(few) == 100
    assert [y for x, y in few if 400 <= x < 500] == [None] * 10


@pytest.mark.parametrize("count", [60, 100, 144])
def test_the_narrowing_chart_ends_where_the_comparison_stands(count):
    scrapes, content = trace_scrapes(count=count), document()
    design = design_of(read_document(content["document"]), Plan.from_document(content["plan"]), ("local",))

    chart = narrowing(scrapes, design)

    n, lower, upper = chart.bands[0].points[-1]
    objective = compare(scrapes, design).criteria[0]
    assert n == count - design.warmup
    assert (lower, upper) == pytest.approx((100 * objective.lower, 100 * objective.upper))


@pytest.mark.parametrize(("paired", "looks"), [(0, 0), (23, 0), (24, 1), (25, 2), (1000, 60)])
def test_looks_are_bounded_and_hold_the_whole_run(paired, looks):
    places = look_places(paired)

    assert len(places) == looks
    assert not places or places[-1] == paired


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 2576), (0.95, 1.0), (-100, 100), (0, 1e-9), (3, 3)])
def test_axes_have_few_rising_ticks_around_the_data(low, high):
    found = ticks(low, high)

    assert 2 <= len(found) <= 8
    assert found == sorted(set(found))
    assert found[0] <= low
    assert found[-1] >= high


@pytest.mark.parametrize("seconds", [5, 60, 1800, 86400, 10 * 86400])
def test_time_axes_have_few_ticks(seconds):
    assert 2 <= len(clock_ticks(0, seconds)) <= 8


def test_several_hosts_are_summed_and_a_lacking_host_is_a_gap():
    scrapes = [s for one in trace_scrapes(count=40) for s in (one, replace(one, host="local-2"))]
    scrapes = [replace(s, candidate=None) if s.host == "local-2" and s.number == 30 else s for s in scrapes]

    html = render_report(record(trace_scrapes(count=40)), scrapes, ())

    assert "active series, sum of 2 hosts" in html
    assert "CPU coverage, %, least of 2 hosts" in html
    svg = html.split("active series, sum of 2 hosts</figcaption>")[1].split("</svg>")[0]
    assert re.search(r'<path d="([^"]+)" class="line candidate"/>', svg)[1].count("M") == 2


def test_it_is_written_into_the_folder_of_the_experiment(tmp_path):
    scrapes = trace_scrapes(count=40)

    path = write_report(Archive(tmp_path), record(scrapes), scrapes, ())

    assert path == tmp_path / "exp-k3v9x2ab" / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
