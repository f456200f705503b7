"""What a person before a terminal sees of an experiment that waits for approval, and the exit codes of its ends."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from phoenix.cli.exit_codes import ExitCode
from phoenix.cli.experiment_run import exit_code_of_ending, exit_code_of_promotion
from phoenix.cli.experiment_view import status_text, verdict_text
from phoenix.cli.live_frame import frame
from phoenix.cli.live_line import line_of
from phoenix.cli.live_state import Observer
from phoenix.domain.phases import Outcome, Phase
from phoenix.services.views.summaries import summarise
from tests.fakes.store import FakeExperimentStore
from tests.support.seen_experiments import record, trace_scrapes


def asked(state: str = "waiting", phase: Phase = Phase.AWAITING_APPROVAL, **changes: object):
    outcome = changes.pop("outcome", Outcome.NONE)
    kept = record(trace_scrapes(count=144), phase=phase, outcome=outcome)
    approval = {
        "state": state,
        "deadline": (datetime.now(UTC) + timedelta(minutes=30, seconds=20)).isoformat(),
        "timeLimit": "1h",
        "otherwise": "decline",
        **changes,
    }
    kept.result["approval"] = approval
    return kept


def test_status_says_how_long_is_left_what_happens_then_and_how_to_answer():
    text = " ".join(status_text(summarise(asked())).split())
    assert "waits for approval" in text
    assert "30 min" in text
    assert "left, then decline" in text
    assert (
        "phoenix experiment promote topk-on-web; or decline it: phoenix experiment stop topk-on-web" in text
    )


def test_so_do_the_live_picture_and_the_plain_line():
    store = FakeExperimentStore()
    store.create(asked(phase=Phase.COMPARING))
    store.enter("exp-k3v9x2ab", Phase.AWAITING_APPROVAL)
    sight = Observer.of(store, "topk-on-web").look()
    console = Console(width=120)
    with console.capture() as captured:
        console.print(frame(sight, 120))
    for text in (captured.get(), line_of(sight)):
        assert "left, then decline" in text
        assert "phoenix experiment promote topk-on-web" in text
    assert "▶ approval" in captured.get()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("approved", "approved by ops@laptop: it is cheaper"),
        ("declined", "declined by ops@laptop: it is cheaper"),
        ("breached", "a guardrail was breached before there was an answer"),
        ("unanswered", "the run ended before there was an answer"),
    ],
)
def test_afterwards_status_says_what_became_of_the_question(state, words):
    over = asked(state, Phase.COMPLETED, by="ops@laptop", reason="it is cheaper")
    assert words in " ".join(status_text(summarise(over)).split())


def test_a_declined_experiment_does_not_point_to_promotion():
    text = verdict_text(summarise(asked("declined", Phase.COMPLETED, outcome=Outcome.DECLINED)))
    assert "PROMOTE, DECLINED" in text
    assert "experiment promote" not in text


def test_nobody_asked_is_null():
    assert summarise(record(trace_scrapes(count=144)))["approval"] is None


def test_exit_codes_tell_the_ends_apart():
    declined = asked("declined", Phase.COMPLETED, outcome=Outcome.DECLINED)
    breached = asked("breached", Phase.COMPLETED, outcome=Outcome.ROLLED_BACK)
    promoted = asked("approved", Phase.COMPLETED, outcome=Outcome.PROMOTED)
    breached.result["verdict"] = "ROLL_BACK"
    ends = [exit_code_of_ending(one, "outside") for one in (declined, breached, promoted)]
    assert ends == [ExitCode.STOPPED, ExitCode.ROLL_BACK, ExitCode.DONE]
    assert exit_code_of_promotion(breached, "outside") is ExitCode.ROLL_BACK
    assert exit_code_of_promotion(promoted, "outside") is ExitCode.DONE
