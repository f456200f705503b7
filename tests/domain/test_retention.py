from dataclasses import replace

import pytest

from phoenix.domain.decision.pairing import open_window
from phoenix.domain.decision.retention import Critical, Missed, is_lost, judge_retention, miss_upper_bound
from phoenix.domain.samples import ArmSample, ProcessIdentity, Scrape, Variant
from tests.domain.runs import (
    NGINX,
    WARMUP,
    candidate_with,
    design,
    healthy,
    missing_candidate,
    run,
)


def retention(scrapes: list[Scrape], **changes: object) -> Critical:
    plan = design(**changes)
    return judge_retention(scrapes, open_window(scrapes, plan), plan)


@pytest.mark.parametrize(
    ("places", "lost"),
    [
        ([], False),
        ([7], False),
        ([7, 8], True),
        ([1, 9], False),
        ([1, 3, 20], True),
        ([1, 3, 21], False),
        ([1, 30, 40, 49], True),
        ([1, 30, 40, 50], False),
    ],
)
def test_two_consecutive_misses_or_three_of_twenty_are_a_loss(places: list[int], lost: bool) -> None:
    assert is_lost(places) is lost


def test_a_lost_process_is_named_with_its_host() -> None:
    found = retention(run(30, missing_candidate(5, 6)))

    assert found.lost == (Missed("web", "nginx", 41, 2, Variant.CANDIDATE, is_lost=True),)


def test_misses_in_the_warm_up_do_not_count() -> None:
    assert retention(run(30, missing_candidate(-1, 0, 1))).lost == ()


def test_processes_of_different_names_are_counted_apart() -> None:
    other = ProcessIdentity("postgres", 42)
    arm = candidate_with(missed=lambda number: {8: (NGINX,), 9: (other,)}.get(number, ()))

    assert retention(run(30, arm)).lost == ()
    assert [m.pid for m in retention(run(30, arm)).missed] == [41, 42]


def test_a_process_that_restarts_and_is_never_exported_is_lost() -> None:
    """Each of its lives is missed once: three times in twenty scrapes under three pids."""
    arm = candidate_with(missed=lambda n: (ProcessIdentity("nginx", 100 + n),) if n in (8, 14, 20) else ())

    assert {m.pid for m in retention(run(30, arm)).lost} == {108, 114, 120}


def test_a_process_that_restarts_and_is_missed_now_and_then_is_not_lost() -> None:
    arm = candidate_with(missed=lambda n: (ProcessIdentity("nginx", 100 + n),) if n in (8, 20) else ())

    assert retention(run(30, arm)).lost == ()


def test_workers_of_one_name_missed_at_one_scrape_are_one_miss() -> None:
    workers = tuple(ProcessIdentity("nginx", pid) for pid in (41, 42, 43))

    assert retention(run(30, candidate_with(missed=lambda n: workers if n == 8 else ()))).lost == ()


def test_a_scrape_that_failed_is_missing_and_no_miss() -> None:
    scrapes = run(30)
    failed = replace(scrapes[8], candidate=ArmSample(missed=(NGINX,), error="timeout"))
    scrapes[8] = failed
    assert retention(scrapes).missed == ()


def test_misses_around_a_failed_scrape_are_consecutive() -> None:
    scrapes = run(30, missing_candidate(5, 7))
    scrapes[WARMUP + 5] = replace(scrapes[WARMUP + 5], candidate=None)

    assert retention(scrapes).lost


def test_misses_around_a_scrape_without_the_kernels_table_are_consecutive() -> None:
    scrapes = run(30, missing_candidate(5, 7))
    blind = scrapes[WARMUP + 5]
    scrapes[WARMUP + 5] = replace(blind, candidate=replace(blind.candidate, critical=0, is_judged=False))

    assert retention(scrapes).lost


def test_what_the_baseline_misses_is_reported_apart_and_never_a_loss() -> None:
    def arm(number: int, variant: Variant) -> ArmSample:
        sample = healthy(number, variant)
        return replace(sample, missed=(NGINX,)) if variant is Variant.BASELINE else sample

    found = retention(run(30, arm))
    assert found.missed == (Missed("web", "nginx", 41, 30, Variant.BASELINE, is_lost=True),)
    assert found.lost == ()
    assert found.retained == {Variant.BASELINE: pytest.approx(0.8), Variant.CANDIDATE: 1.0}


def test_retained_is_the_exported_share_of_cells() -> None:
    found = retention(run(30, missing_candidate(5)))

    assert found.retained[Variant.CANDIDATE] == pytest.approx(1 - 1 / 150)
    assert (found.processes, found.scrapes) == (5, 30)
    assert found.miss_upper_bound == pytest.approx(miss_upper_bound(1, 30, 0.05))


def test_processes_are_summed_over_hosts() -> None:
    assert retention(run(5) + run(5, host="db"), hosts=("web", "db")).processes == 10


def test_without_critical_processes_nothing_is_retained() -> None:
    found = retention(run(30, candidate_with(critical=0)))

    assert (found.processes, found.retained[Variant.CANDIDATE], found.miss_upper_bound) == (0, None, None)


@pytest.mark.parametrize(("scrapes", "percent"), [(120, 6.3), (720, 1.3), (1440, 0.7)])
def test_miss_bound_gives_the_specified_values(scrapes: int, percent: float) -> None:
    assert 100 * miss_upper_bound(0, scrapes, 0.05) == pytest.approx(percent, abs=0.05)


@pytest.mark.parametrize(("misses", "scrapes"), [(0, 50), (3, 50), (20, 50)])
def test_miss_bound_inverts_the_beta_binomial_mixture_of_scipy(misses: int, scrapes: int) -> None:
    from scipy.stats import betabinom, binom

    bound = miss_upper_bound(misses, scrapes, 0.05)
    evidence = betabinom.pmf(misses, scrapes, 1, 1) / binom.pmf(misses, scrapes, bound)
    assert evidence == pytest.approx(20.0)


def test_miss_bound_is_one_where_every_scrape_missed() -> None:
    assert miss_upper_bound(9, 9, 0.05) == 1.0


@pytest.mark.parametrize(
    ("numbers", "named"),
    [
        (range(1, WARMUP + 1), True),
        (range(1, WARMUP), False),
        (range(WARMUP + 1, 100), True),
        (range(WARMUP + 1, WARMUP + 20), False),
        ((), False),
    ],
    ids=["whole warm-up", "started in the warm-up", "never while measured", "came back", "always there"],
)
def test_a_pattern_without_a_process_is_named_with_its_host(numbers: object, named: bool) -> None:
    scrapes = [replace(s, unmatched=("^java$",) if s.number in numbers else ()) for s in run(30)]

    assert retention(scrapes).unmatched == ((("^java$", "web"),) if named else ())


@pytest.mark.parametrize(
    ("numbers", "named"),
    [(range(WARMUP + 1, 100), True), (range(1, WARMUP + 30), False), ((), False)],
    ids=["never while measured", "once at the end", "always"],
)
def test_a_pattern_whose_processes_never_live_long_enough_is_a_gap(numbers: object, named: bool) -> None:
    scrapes = [replace(s, undue=("^cron$",) if s.number in numbers else ()) for s in run(30)]

    found = retention(scrapes)
    assert (found.unmatched, found.short_lived) == ((), (("^cron$", "web"),) if named else ())


def test_a_pattern_that_matches_nothing_is_one_gap_and_not_two() -> None:
    scrapes = [replace(s, undue=("^java$",), unmatched=("^java$",)) for s in run(30)]

    assert retention(scrapes).short_lived == ()


def test_a_host_without_a_scrape_has_no_unmatched_patterns() -> None:
    found = retention([], hosts=("web",))
    assert (found.unmatched, found.short_lived) == ((), ())
