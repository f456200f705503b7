"""What a look reports, and its public document."""

import json
import time

import pytest

from phoenix.domain.criteria import Kind
from phoenix.domain.decision.comparison import Verdict, as_document, compare
from phoenix.domain.metrics import Metric
from tests.domain.runs import (
    KEEP_CRITICAL,
    WARMUP,
    candidate_values,
    candidate_with,
    design,
    guardrail,
    missing_candidate,
    run,
)
from tests.support.slowness import slowness


def test_facts_and_effects_stand_side_by_side() -> None:
    found = compare(run(60), design())
    series = found.metrics[Metric.SERIES]

    assert (series.baseline, series.candidate) == (100.0, 20.0)
    assert series.effect.estimate == pytest.approx(0.8)
    assert series.effect.lower < 0.8 < series.effect.upper
    assert (series.effect.unit, series.effect.n, series.effect.method) == ("1", 60, "resolution")
    assert found.metrics[Metric.COLLECTOR_MEMORY_BYTES].effect is None
    assert found.metrics[Metric.COLLECTOR_CPU_CORES].baseline == pytest.approx(0.1)
    assert found.metrics[Metric.CRITICAL_RETENTION].candidate == 1.0
    assert Metric.BYTES_PER_SECOND not in found.metrics


def test_provisional_estimate_before_the_first_look() -> None:
    effect = compare(run(10), design()).metrics[Metric.SERIES].effect

    assert effect.estimate == pytest.approx(0.8)
    assert (effect.lower, effect.upper, effect.p_value, effect.n_effective) == (None, None, None, None)
    assert effect.reason == "needs 24 scrapes, has 10"


def test_provisional_interval_from_24_scrapes_below_the_minimum() -> None:
    found = compare(run(24), design(minimum_scrapes=120))

    assert found.metrics[Metric.SERIES].effect.lower is not None
    assert found.verdict is Verdict.INCONCLUSIVE


def test_totals_are_summed_and_coverage_is_the_least_of_the_hosts() -> None:
    scrapes = run(30) + run(
        30, candidate_values({Metric.CPU_COVERAGE: 0.9, Metric.VALUE_ERROR: 0.1}), host="db"
    )
    scrapes = [s for s in scrapes if s.host == "db"] + run(30, candidate_values({Metric.VALUE_ERROR: 0.2}))
    found = compare(scrapes, design(hosts=("web", "db")))

    assert found.metrics[Metric.SERIES].baseline == 200.0
    assert found.metrics[Metric.CPU_COVERAGE].candidate == pytest.approx(0.9)
    assert found.metrics[Metric.VALUE_ERROR].candidate == pytest.approx(0.2)
    assert found.metrics[Metric.VALUE_ERROR].baseline is None


def test_one_sided_data_is_reported_as_such() -> None:
    series = compare(run(30, candidate_with(values={})), design()).metrics[Metric.SERIES]

    assert (series.baseline, series.candidate) == (100.0, None)
    assert (series.effect.estimate, series.effect.reason) == (None, "has no paired scrape")


@pytest.mark.parametrize(
    ("hosts", "last"),
    [
        (("web", "db"), "this speaks of the tested hosts only: web, db"),
        (("web", "db", "app"), "on hosts like these 3: series cut by 80.0 % [80.0 %, 80.0 %] (Student t)"),
    ],
)
def test_a_promotion_says_whom_it_speaks_of(hosts: tuple[str, ...], last: str) -> None:
    scrapes = [s for host in hosts for s in run(30, host=host)]
    found = compare(scrapes, design(hosts=hosts))

    assert found.reasons[-1] == last
    assert (found.fleet is None) == (len(hosts) < 3)


def test_fleet_is_not_judged_before_the_verdict() -> None:
    scrapes = [s for host in "abc" for s in run(30, host=host)]

    assert compare(scrapes, design(hosts=("a", "b", "c"), minimum_scrapes=120)).fleet is None


def test_a_promotion_without_critical_processes_gives_no_bound() -> None:
    found = compare(run(30, candidate_with(critical=0)), design())

    assert found.verdict is Verdict.PROMOTE
    assert not any("critical" in reason for reason in found.reasons)


def test_calibration_reaches_the_interval() -> None:
    arm = candidate_with(values=lambda n: {Metric.SERIES: 20.0 + n * 7919 % 13 / 13})
    plain, calibrated = (
        compare(run(240, arm), design(tau=tau)).metrics[Metric.SERIES].effect for tau in (None, 40)
    )

    assert calibrated.n_effective == pytest.approx(6.0)
    assert calibrated.n_effective < plain.n_effective
    assert calibrated.upper - calibrated.lower > plain.upper - plain.lower


def test_document_has_the_public_shape() -> None:
    plan = design(KEEP_CRITICAL, guardrail(Metric.COLLECTOR_MEMORY_BYTES, Kind.MAXIMUM, 1e8))
    document = json.loads(
        json.dumps(as_document(compare(run(30, missing_candidate(4)), plan)), allow_nan=False)
    )

    assert set(document) == {
        "verdict", "reasons", "scrapes", "validity", "alpha", "metrics", "criteria", "critical", "decidedAtScrape",
        "fleet",
    }  # fmt: skip
    assert (document["verdict"], document["scrapes"], document["alpha"]) == ("INCONCLUSIVE", 30, 0.05)
    assert document["validity"] == {"valid": True, "reasons": []}
    assert set(document["metrics"]["series"]["effect"]) == {
        "estimate", "lower", "upper", "unit", "method", "pValue", "n", "nEffective", "reason",
    }  # fmt: skip
    assert document["metrics"]["collector_memory_bytes"] == {
        "baseline": 5e7,
        "candidate": 5e7,
        "effect": None,
    }
    assert [(c["metric"], c["role"], c["kind"], c["limit"], c["passed"]) for c in document["criteria"]] == [
        ("series", "objective", "minimumReduction", 0.5, True),
        ("critical_retention", "guardrail", "minimum", 1.0, None),
        ("collector_memory_bytes", "guardrail", "maximum", 1e8, True),
    ]
    assert document["critical"] == {
        "processes": 5,
        "missed": [{"host": "web", "name": "nginx", "pid": 41, "scrapes": 1}],
        "missedByBaseline": [],
        "missUpperBound": pytest.approx(0.2, abs=0.1),
    }
    assert (document["decidedAtScrape"], document["fleet"]) == (None, None)


def test_document_of_a_decision_names_the_scrape() -> None:
    assert as_document(compare(run(24), design()))["decidedAtScrape"] == WARMUP + 24


def test_a_look_at_720_scrapes_costs_little_cpu() -> None:
    scrapes, plan = run(720), design(KEEP_CRITICAL)
    compare(scrapes, plan)
    start = time.process_time()
    compare(scrapes, plan)

    # 5 ms on the machine this is built for; the bound only catches a change of order.
    assert time.process_time() - start < 0.1 * slowness()
