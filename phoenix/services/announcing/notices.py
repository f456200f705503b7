"""What people are told, one function for each kind of occurrence; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.domain.announcement import Notice, Tone
from phoenix.domain.phases import OnPromote, Outcome, Phase
from phoenix.services.announcing.occurrences import Occurrence, What
from phoenix.services.views.conclusions import headline_of, next_step
from phoenix.services.views.wording import clean, inequality, standing, state_of

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Links:
    """Where people read on.

    Attributes:
        run: URL of the run's page in Prefect; "" where there is none.
        report: Where the report lies: machine and path.
    """

    run: str
    report: str


def notice_of(occurrence: Occurrence, summary: Summary, links: Links) -> Notice | None:
    """The message about an occurrence; None where people are not told of its kind.

    Args:
        occurrence: What happened.
        summary: The experiment as `summarise` shows it.
        links: Where to read on.
    """
    write = _WRITERS.get(occurrence.what)
    return write(occurrence, summary, links) if write is not None else None


def verdict(occurrence: Occurrence, summary: Summary, links: Links) -> Notice:
    """A comparison came to its end."""
    tones = {"PROMOTE": Tone.SUCCESS, "ROLL_BACK": Tone.WARNING}
    word = str(occurrence.payload["verdict"])
    title, tone = f"{_name(summary)}: {word}", tones.get(word, Tone.INFO)
    return _notice(title, _meaning(summary), tone, summary, links, _after(word, occurrence, summary))


def breach(occurrence: Occurrence, summary: Summary, links: Links) -> Notice:
    """A guardrail broke: of a promoted pipeline, or while a person was asked about it."""
    reason = occurrence.payload["reason"]
    if occurrence.payload["phase"] == Phase.AWAITING_APPROVAL:
        said = (
            f"A guardrail was breached while a person was asked about {_candidate(summary)}: {reason}.\n"
            "It is not promoted; production was not touched."
        )
    else:
        said = (
            f"A guardrail was breached after {_candidate(summary)} was promoted: {reason}.\n"
            "What served before is being restored."
        )
    return _notice(f"{_name(summary)}: guardrail breached", said, Tone.FAILURE, summary, links)


def approval_needed(_occurrence: Occurrence, summary: Summary, links: Links) -> Notice:
    """A person must say yes or no."""
    said = (
        f"May {_candidate(summary)} take production over? The run waits for an answer, in Prefect's form"
        f" or by one of\n  phoenix experiment promote {_name(summary)} --reason TEXT"
        f"\n  phoenix experiment stop {_name(summary)} --reason TEXT"
    )
    return _notice(f"{_name(summary)}: approval needed", said, Tone.WARNING, summary, links)


def failed(occurrence: Occurrence, summary: Summary, links: Links) -> Notice:
    """The run broke."""
    said = f"The experiment failed: {occurrence.payload['error'] or 'no reason was recorded'}"
    return _notice(f"{_name(summary)}: failed", said, Tone.FAILURE, summary, links, next_step(summary))


def stopped(occurrence: Occurrence, summary: Summary, links: Links) -> Notice:
    """The run was ended before its verdict."""
    said = f"The experiment was stopped: {occurrence.payload['error'] or 'no reason was recorded'}"
    return _notice(f"{_name(summary)}: stopped", said, Tone.WARNING, summary, links, next_step(summary))


def completed(occurrence: Occurrence, summary: Summary, links: Links) -> Notice | None:
    """Over as foreseen is no news after the verdict; over with something that went wrong is."""
    if not occurrence.payload["error"]:
        return None
    said = f"It is over, and something went wrong: {occurrence.payload['error']}"
    return _notice(
        f"{_name(summary)}: over, with an error", said, Tone.WARNING, summary, links, next_step(summary)
    )


_WRITERS: Mapping[What, Callable[[Occurrence, Summary, Links], Notice | None]] = {
    What.VERDICT: verdict,
    What.BREACH: breach,
    What.APPROVAL_NEEDED: approval_needed,
    What.FAILED: failed,
    What.STOPPED: stopped,
    What.COMPLETED: completed,
}


def _notice(title: str, said: str, tone: Tone, summary: Summary, links: Links, following: str = "") -> Notice:
    parts = [said, *_figures(summary), *_reasons(summary)]
    if following:
        parts.append(f"Next: {following}")
    parts.append("\n".join(_reading(summary, links)))
    return Notice(f"Phoenix: {title}", "\n\n".join(parts), tone)


def _after(word: str, occurrence: Occurrence, summary: Summary) -> str:
    """What follows a verdict, by what its author asked for."""
    match word, occurrence.payload["onPromote"]:
        case "PROMOTE", OnPromote.AUTO:
            return "it is being promoted and watched; a breach takes it back and is told"
        case "PROMOTE", OnPromote.APPROVE:
            return "a person is asked whether to promote it; that is told apart"
        case _:
            return next_step({**summary, "phase": Phase.COMPLETED, "outcome": Outcome.REPORTED})


def _figures(summary: Summary) -> list[str]:
    bound = summary["critical"]["missUpperBound"]
    lines = [
        f"- {state_of(c['passed']).symbol} {inequality(c)}: {standing(c, bound)}" for c in summary["criteria"]
    ]
    return ["\n".join(lines)] if lines else []


def _reasons(summary: Summary) -> list[str]:
    lines = [f"- {clean(reason)}" for reason in summary["reasons"]]
    return ["\n".join(["Why:", *lines])] if lines else []


def _reading(summary: Summary, links: Links) -> list[str]:
    name = f"Experiment: {_name(summary)} ({summary['id']}) on {', '.join(map(clean, summary['targets']))}"
    run = [f"Run: {links.run}"] if links.run else []
    return [name, *run, f"Report: {links.report}"]


def _meaning(summary: Summary) -> str:
    words = {
        "PROMOTE": "{candidate} may replace {baseline}.",
        "ROLL_BACK": "Keep {baseline}; {candidate} must not replace it.",
        "INCONCLUSIVE": "It was not shown that {candidate} may replace {baseline}.",
    }
    said = words.get(str(summary["verdict"]))
    if said is None:
        return headline_of(summary).sentence
    return said.format(candidate=_candidate(summary), baseline=clean(summary["baseline"]["pipeline"]))


def _candidate(summary: Summary) -> str:
    return clean(summary["candidate"]["pipeline"])


def _name(summary: Summary) -> str:
    return clean(summary["name"])
