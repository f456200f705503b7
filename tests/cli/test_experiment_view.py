"""What `experiment list`, `status`, `compare` and the end of `run` print; the texts are golden."""

from pathlib import Path

import pytest

from phoenix.cli.experiment_view import (
    COMPARE_COLUMNS,
    LIST_COLUMNS,
    comparison_text,
    list_row,
    status_text,
    verdict_text,
)
from phoenix.domain.phases import Outcome, Phase
from phoenix.services.views.summaries import criteria_rows, summarise
from tests.support.golden import check_golden
from tests.support.seen_experiments import FINDING, losing, record, trace_scrapes

GOLDEN = Path(__file__).parent / "golden"
LAST_WORDS = (
    "the candidate collector on local died: exit status 1\n"
    "  error: cannot start pipelines: \x1b[31mlisten tcp 127.0.0.1:8889\x1b[0m: bind: address already in use"
)


def promoted() -> dict[str, object]:
    return summarise(record(trace_scrapes(count=144), findings=(FINDING,)))


CASES = {
    "verdict_promote": lambda: verdict_text(promoted()),
    "verdict_rollback": lambda: verdict_text(
        summarise(record(losing(trace_scrapes(count=33)), outcome=Outcome.ROLLED_BACK))
    ),
    "verdict_inconclusive": lambda: verdict_text(
        summarise(record(trace_scrapes("baseline_baseline", 100), outcome=Outcome.NONE))
    ),
    "verdict_failed": lambda: verdict_text(
        summarise(record(phase=Phase.FAILED, outcome=Outcome.NONE, error=LAST_WORDS))
    ),
    "comparison": lambda: comparison_text(promoted()),
    "status_completed": lambda: status_text(promoted()),
    "status_stopped": lambda: status_text(
        summarise(
            record(
                phase=Phase.STOPPED, outcome=Outcome.STOPPED, error="The experiment was stopped: a person."
            )
        )
    ),
}


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", CASES)
def test_text_is_golden(name, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))

    text = CASES[name]()

    check_golden(GOLDEN / f"{name}_{width}.txt", text + "\n")
    assert max(len(line) for line in text.splitlines()) <= width


def test_no_miss_never_stands_without_its_bound():
    text = verdict_text(promoted())

    assert "5 of 5 kept; at most 6.3 % of scrapes miss one, with 95 % confidence" in text
    assert "none missed (bound 6.3 %)" in text


def test_only_a_reported_promote_points_to_promotion():
    def next_of(outcome):
        return verdict_text(summarise(record(trace_scrapes(count=144), outcome=outcome))).splitlines()[-1]

    assert next_of(Outcome.REPORTED).endswith("phoenix experiment promote topk-on-web")
    assert "experiment promote" not in next_of(Outcome.PROMOTED)


def test_control_characters_of_others_do_not_reach_the_terminal():
    assert "\x1b" not in CASES["verdict_failed"]()


def test_an_experiment_under_way_has_no_verdict_in_the_list():
    row = list_row(record(trace_scrapes(count=144), phase=Phase.MEASURING, outcome=Outcome.NONE))

    assert tuple(row) == LIST_COLUMNS
    assert row["verdict"] is None


def test_a_missing_effect_is_a_dash():
    line = next(
        line for line in verdict_text(promoted()).splitlines() if line.startswith("  collector memory ")
    )

    assert line.split("MiB")[-1].split() == ["–", "–"]


def test_columns_of_compare_are_those_of_its_rows():
    assert set(COMPARE_COLUMNS) == set(criteria_rows(promoted())[0])
