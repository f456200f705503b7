"""The table of `phoenix.domain.decision.verdict`, row by row, on the fold and on whole runs."""

from dataclasses import replace

import pytest

from phoenix.domain.criteria import Criterion, Kind, Role
from phoenix.domain.decision.comparison import Comparison, Verdict, compare
from phoenix.domain.decision.judgement import CriterionResult
from phoenix.domain.decision.verdict import Evidence, conclude
from phoenix.domain.metrics import Metric
from phoenix.domain.samples import ArmSample, Variant
from tests.domain.runs import (
    KEEP_CRITICAL,
    SERIES_CUT,
    WARMUP,
    candidate_values,
    candidate_with,
    design,
    guardrail,
    healthy,
    missing_candidate,
    run,
)

CEILING = guardrail(Metric.COLLECTOR_MEMORY_BYTES, Kind.MAXIMUM, 1e8)
RELATIVE = guardrail(Metric.COLLECTOR_CPU_CORES, Kind.MAXIMUM_INCREASE, 0.2)


def result(criterion: Criterion, *, passed: bool | None) -> CriterionResult:
    words = {True: "met", False: "bad", None: "open"}
    role = "objective" if criterion.role is Role.OBJECTIVE else "guardrail"
    return CriterionResult(criterion, None, None, None, passed, f"{role} {words[passed]}")


MET = result(SERIES_CUT, passed=True)
BELOW = result(SERIES_CUT, passed=False)
OPEN = result(SERIES_CUT, passed=None)
INSIDE = result(CEILING, passed=True)
UNDECIDED = result(CEILING, passed=None)
BREACHED = result(CEILING, passed=False)
OUTSIDE = result(RELATIVE, passed=False)

PROMOTE, ROLL_BACK, INCONCLUSIVE = Verdict
ROWS = [
    # 1: a lost process wins over everything
    (Evidence(lost=("nginx",)), ROLL_BACK, ("nginx",)),
    (Evidence(("nginx",), ("restart",), "too short", (MET, INSIDE)), ROLL_BACK, ("nginx",)),
    (Evidence(lost=("nginx",), criteria=(BELOW,)), ROLL_BACK, ("nginx",)),
    # 2: an invalid or short run says nothing, however good or bad it looks
    (Evidence(invalid=("restart",), criteria=(MET, INSIDE)), INCONCLUSIVE, ("restart",)),
    (Evidence(invalid=("restart",), criteria=(MET, BREACHED)), INCONCLUSIVE, ("restart",)),
    (Evidence(shortage="too short", criteria=(MET, INSIDE)), INCONCLUSIVE, ("too short",)),
    (
        Evidence((), ("restart",), "too short", (OPEN,), ("gap",)),
        INCONCLUSIVE,
        ("restart", "too short", "objective open", "gap"),
    ),
    # 3: a breach wins over success and over what is open
    (Evidence(criteria=(MET, BREACHED)), ROLL_BACK, ("guardrail breached: guardrail bad",)),
    (Evidence(criteria=(OPEN, OUTSIDE)), ROLL_BACK, ("guardrail proven outside its limit: guardrail bad",)),
    (
        Evidence(criteria=(BELOW, INSIDE), gaps=("gap",)),
        ROLL_BACK,
        ("objective proven below its minimum: objective bad",),
    ),
    (
        Evidence(criteria=(BELOW, BREACHED)),
        ROLL_BACK,
        ("objective proven below its minimum: objective bad", "guardrail breached: guardrail bad"),
    ),
    # 4: everything met
    (Evidence(criteria=(MET,)), PROMOTE, ("objective met",)),
    (Evidence(criteria=(MET, INSIDE)), PROMOTE, ("objective met", "guardrail met")),
    # 5: anything open
    (Evidence(criteria=(OPEN, INSIDE)), INCONCLUSIVE, ("objective open",)),
    (Evidence(criteria=(MET, UNDECIDED)), INCONCLUSIVE, ("guardrail open",)),
    (Evidence(criteria=(MET, INSIDE), gaps=("gap", "gap")), INCONCLUSIVE, ("gap",)),
    (Evidence(), INCONCLUSIVE, ()),
]


@pytest.mark.parametrize(("evidence", "verdict", "reasons"), ROWS)
def test_the_first_row_that_applies_decides(
    evidence: Evidence, verdict: Verdict, reasons: tuple[str, ...]
) -> None:
    assert conclude(evidence) == (verdict, reasons)


def decide(
    arm: object = healthy, *guardrails: Criterion, measured: int = 30, **changes: object
) -> Comparison:
    return compare(run(measured, arm), design(*guardrails, **changes))


def test_a_good_candidate_is_promoted_at_the_minimum() -> None:
    found = decide(healthy, KEEP_CRITICAL, CEILING, RELATIVE, measured=24)

    assert (found.verdict, found.scrapes, found.decided_at_scrape) == (PROMOTE, 24, WARMUP + 24)
    assert found.reasons[-1] == "this speaks of the tested hosts only: web"
    assert "misses in at most" in found.reasons[-2]


def test_one_scrape_before_the_minimum_nothing_is_decided() -> None:
    found = decide(healthy, CEILING, measured=23)

    assert (found.verdict, found.decided_at_scrape) == (INCONCLUSIVE, None)
    assert found.reasons[0] == "needs 24 paired scrapes after the warm-up, has 23"
    assert [c.passed for c in found.criteria] == [None, None]
    assert found.criteria[1].reason.endswith("(not judged: too few scrapes)")


def test_baseline_against_itself_is_proven_below_its_minimum() -> None:
    found = decide(candidate_values({Metric.SERIES: 100.0}), measured=24)

    assert (found.verdict, found.decided_at_scrape) == (ROLL_BACK, WARMUP + 24)
    assert found.reasons == (
        "objective proven below its minimum: series cut by 0.0 % [-1.0 %, 1.0 %], at least 50.0 % wanted",
    )


@pytest.mark.parametrize("criteria", [(), (KEEP_CRITICAL,)])
def test_a_lost_process_rolls_back_at_once_and_is_named(criteria: tuple[Criterion, ...]) -> None:
    found = decide(missing_candidate(1, 2), *criteria, measured=2, minimum_scrapes=120)

    assert (found.verdict, found.decided_at_scrape) == (ROLL_BACK, WARMUP + 2)
    assert found.reasons == (
        (
            "critical process nginx (pid 41) on web is alive and the candidate process-topk-v1 did not export it"
            " in 2 scrapes after the warm-up"
        ),
    )
    assert [c.passed for c in found.criteria[1:]] == [False] * len(criteria)


def test_a_lost_process_rolls_back_an_invalid_run() -> None:
    arm = missing_candidate(8, 9)
    scrapes = [replace(s, wall_seconds=s.wall_seconds + 9.0 * (s.number > 6)) for s in run(30, arm)]
    found = compare(scrapes, design(KEEP_CRITICAL))

    assert not found.validity.valid
    assert found.verdict is ROLL_BACK


def test_an_invalid_run_neither_promotes_nor_rolls_back() -> None:
    for series in (20.0, 100.0):
        arm = candidate_with(throttled_periods=lambda n: n, values={Metric.SERIES: series})
        found = decide(arm)
        assert found.verdict is INCONCLUSIVE
        assert "throttled" in found.reasons[0]
        assert found.criteria[0].reason.endswith("(not judged: the run is invalid)")


def test_a_single_miss_blocks_a_promotion_at_one_hundred_percent() -> None:
    found = decide(missing_candidate(9), KEEP_CRITICAL)

    assert found.verdict is INCONCLUSIVE
    assert "missed 1 times in 30 scrapes" in found.reasons[0]


@pytest.mark.parametrize("criteria", [(), (KEEP_CRITICAL,)])
def test_a_pattern_without_a_process_is_inconclusive_and_named(criteria: tuple[Criterion, ...]) -> None:
    scrapes = [replace(s, unmatched=("^java$",)) for s in run(30)]
    found = compare(scrapes, design(*criteria))

    assert found.verdict is INCONCLUSIVE
    assert any("pattern '^java$' matches no living process on web" in reason for reason in found.reasons)


def test_a_guardrail_breach_wins_over_success() -> None:
    found = decide(candidate_values({Metric.COLLECTOR_MEMORY_BYTES: 2e8}), CEILING)

    assert found.criteria[0].passed is True
    assert found.verdict is ROLL_BACK
    assert found.reasons[0].startswith("guardrail breached: collector memory 190.7 MiB on average on web")


def test_a_relative_guardrail_proven_outside_rolls_back() -> None:
    found = decide(candidate_values({Metric.COLLECTOR_CPU_CORES: 0.3}), RELATIVE)

    assert found.verdict is ROLL_BACK
    assert found.reasons[0].startswith("guardrail proven outside its limit: collector CPU changed by +197")


def test_rolling_back_shares_alpha_with_the_relative_guardrails() -> None:
    assert design().strict_alpha == 0.05
    assert design(CEILING, RELATIVE).strict_alpha == 0.025


def test_a_candidate_that_was_never_read_is_inconclusive() -> None:
    def arm(number: int, variant: Variant) -> ArmSample | None:
        return healthy(number, variant) if variant is Variant.BASELINE else None

    found = decide(arm, KEEP_CRITICAL, CEILING, RELATIVE)
    assert found.verdict is INCONCLUSIVE
    assert found.scrapes == 0
    assert not found.validity.valid
