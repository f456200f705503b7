"""What an experiment came to, in one line, and what a person does next."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from phoenix.domain.phases import Outcome, Phase
from phoenix.services.views.wording import FAILED, OPEN, PASSED, State, clean, span


class Headline(NamedTuple):
    """The first thing a person reads.

    Attributes:
        state: `pass`, `fail` or `open`; says how to colour it.
        word: The verdict, or what took its place.
        sentence: What it means for the two pipelines.
    """

    state: State
    word: str
    sentence: str


def headline_of(summary: Mapping[str, Any]) -> Headline:
    """The verdict in one line; an experiment without one says why."""
    baseline, candidate = clean(summary["baseline"]["pipeline"]), clean(summary["candidate"]["pipeline"])
    phase = Phase(summary["phase"])
    if phase is Phase.FAILED:
        return Headline(FAILED, "FAILED", "no verdict: the experiment broke")
    if phase is Phase.STOPPED and summary["approval"]:
        return Headline(OPEN, "STOPPED", f"{candidate} may replace {baseline}, and was stopped before that")
    if phase is Phase.STOPPED:
        return Headline(OPEN, "STOPPED", "no verdict: the experiment was ended before it")
    match summary["verdict"]:
        case "PROMOTE":
            if phase is Phase.AWAITING_APPROVAL:
                return Headline(OPEN, "PROMOTE?", f"{candidate} may replace {baseline}: waits for approval")
            if summary["outcome"] == Outcome.DECLINED:
                return Headline(
                    OPEN, "PROMOTE, DECLINED", f"{candidate} may replace {baseline}, and was declined"
                )
            if summary["outcome"] == Outcome.REVERTED:
                return Headline(FAILED, "PROMOTE, REVERTED", f"{candidate} was promoted and taken back")
            return Headline(PASSED, "PROMOTE", f"{candidate} may replace {baseline}")
        case "ROLL_BACK":
            return Headline(FAILED, "ROLL_BACK", f"keep {baseline}; {candidate} must not replace it")
        case "INCONCLUSIVE" if phase.is_over:
            return Headline(OPEN, "INCONCLUSIVE", f"not shown that {candidate} may replace {baseline}")
        case _:
            return Headline(OPEN, "NO VERDICT YET", phase.meaning)


def approval_sentence(summary: Mapping[str, Any], now: datetime) -> str:
    """Where the question stands whether to promote; "" where nobody was asked."""
    approval = summary["approval"]
    if not approval:
        return ""
    match approval["state"]:
        case "waiting" if Phase(summary["phase"]) is Phase.AWAITING_APPROVAL:
            left = (datetime.fromisoformat(approval["deadline"]) - now).total_seconds()
            return f"a person is asked whether to promote: {span(left)} left, then {approval['otherwise']}"
        case "approved" | "declined" as answered:
            return clean(f"{answered} by {approval['by']}: {approval['reason']}")
        case "breached":
            return "taken back: a guardrail was breached before there was an answer"
        case _:
            return "unanswered: the run ended before there was an answer"


def next_step(summary: Mapping[str, Any]) -> str:
    """What to do now, a command where there is one."""
    name, phase = clean(summary["name"]), Phase(summary["phase"])
    if phase is Phase.AWAITING_APPROVAL:
        return f"approve it: phoenix experiment promote {name}; or decline it: phoenix experiment stop {name}"
    if not phase.is_over:
        return f"watch it: phoenix experiment status {name} --watch"
    if phase is Phase.FAILED:
        return "mend what the error names, then run it again; `phoenix recover` checks that nothing is left"
    if phase is Phase.STOPPED:
        return "run it again when it may go on to its verdict"
    return _after(summary, name)


def _after(summary: Mapping[str, Any], name: str) -> str:
    """What to do about a verdict."""
    match summary["verdict"], summary["outcome"]:
        case "PROMOTE", Outcome.REPORTED:
            return f"make it the active pipeline: phoenix experiment promote {name}"
        case "PROMOTE", Outcome.DECLINED:
            return "nothing was changed; run it again when it may be promoted"
        case "PROMOTE", Outcome.PROMOTED:
            return f"nothing: the candidate is the active pipeline; phoenix experiment rollback {name} takes it back"
        case "PROMOTE", Outcome.REVERTED:
            return "look in the history why it was taken back, change the candidate, run it again"
        case "ROLL_BACK", _:
            return "keep the baseline; change the candidate where the reasons point, run it again"
        case _ if summary["validity"]["valid"] is False:
            return "mend what made the run invalid (see validity), run it again"
        case _:
            return "let it run longer (minimumScrapes, maximumDuration) or settle for a smaller cut, run it again"
