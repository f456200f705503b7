"""The answer to the question whether to promote: one verb, whichever door it comes through; the first answer stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.decision.comparison import Verdict
from phoenix.domain.decision.waiting import reasons_of_breach
from phoenix.domain.errors import StateError
from phoenix.domain.phases import Decision, Outcome, Phase
from phoenix.domain.record import Event, EventKind, ExperimentRecord

ASKED = "approval_asked"
"""The ledger's note of the question: since which scrape, until when, and what happens without an answer."""

ANSWERED = "approval"
"""The ledger's note of an answer."""

BREACH = "breach"
"""The ledger's note of a guardrail that did not hold while the answer was awaited."""

WAITING = "waiting"
UNANSWERED = "unanswered"
BREACHED = "breached"
ANSWERS = {Decision.PROMOTE: "approved", Decision.DECLINE: "declined"}
"""States of the `approval` in an experiment's result: a person is asked; the run ended before there was an answer; it was
taken back before; it was answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        decision: Promote or decline.
        reason: Why, in the words of who answered.
        by: Who: a person on a machine, a door, or the time limit.
    """

    decision: Decision
    reason: str
    by: str

    def facts(self) -> dict[str, object]:
        return {"decision": self.decision.value, "reason": self.reason, "by": self.by}


def asked_at(store: ExperimentStore, experiment: str) -> Event | None:
    """The ledger's note of the question; None where nobody was asked."""
    asked = [e for e in store.events(experiment) if (e.kind, e.step) == (EventKind.NOTE, ASKED)]
    return asked[-1] if asked else None


def answer_to(store: ExperimentStore, experiment: str) -> Answer | None:
    """The answer that stands, the first; None while there is none."""
    asked = asked_at(store, experiment)
    since = store.events(experiment, after=asked.sequence) if asked else ()
    answers = (e for e in since if (e.kind, e.step) == (EventKind.NOTE, ANSWERED))
    first = next(answers, None)
    if first is None:
        return None
    return Answer(Decision(str(first.data["decision"])), str(first.data["reason"]), str(first.data["by"]))


def interrupted(result: Mapping[str, object] | None, ledger: Sequence[Event]) -> dict[str, object] | None:
    """The result of an experiment whose driver died while it waited, as it is now; None where it did not wait.

    Args:
        result: As the driver left it.
        ledger: The experiment's events, in order.
    """
    approval = cast("Mapping[str, object] | None", (result or {}).get("approval"))
    if result is None or approval is None or approval["state"] != WAITING:
        return None
    notes = [event for event in ledger if event.kind is EventKind.NOTE]
    since = notes[max((i for i, note in enumerate(notes) if note.step == ASKED), default=0) :]
    breach = next((note for note in since if note.step == BREACH), None)
    if breach is not None:
        reasons = reasons_of_breach(
            str(breach.data["reason"]), str(result["verdict"]), result["decidedAtScrape"]
        )
        return {
            **result,
            "verdict": Verdict.ROLL_BACK.value,
            "reasons": list(reasons),
            "decidedAtScrape": breach.data["scrape"],
            "approval": {**approval, "state": BREACHED},
        }
    answer = next((note.data for note in since if note.step == ANSWERED), None)
    if answer is None:
        return {**result, "approval": {**approval, "state": UNANSWERED}}
    return {**result, "approval": {**approval, "state": ANSWERS[Decision(str(answer["decision"]))], **answer}}


class Approvals:
    """Questions whether to promote, and their answers."""

    def __init__(self, store: ExperimentStore) -> None:
        self._store = store

    def is_awaited(self, record: ExperimentRecord) -> bool:
        """Whether a person is being asked."""
        return record.phase is Phase.AWAITING_APPROVAL

    def decide(self, reference: str, decision: Decision, reason: str, by: str) -> ExperimentRecord:
        """Answer; the run that waits heeds it at its next scrape.

        Args:
            reference: Name or id of the experiment.
            decision: The answer.
            reason: Why; kept in the history.
            by: Who answers.

        Raises:
            StateError: Code `not_awaited`, if nobody is asked; `decided`, if somebody answered before.
        """
        record = self._store.get(reference)
        if not self.is_awaited(record):
            raise _not_awaited(record)
        answer = Answer(decision, reason, by)
        if (earlier := answer_to(self._store, record.id)) is not None:
            raise _decided(record, earlier)
        self._store.append(record.id, EventKind.NOTE, ANSWERED, answer.facts())
        # Of two who answer at the same moment the ledger's order says who was first.
        stands = answer_to(self._store, record.id)
        if stands is not None and stands != answer:
            raise _decided(record, stands)
        return record


def _not_awaited(record: ExperimentRecord) -> StateError:
    verdict = (record.result or {}).get("verdict")
    if not record.phase.is_over:
        hint = f"phoenix experiment status {record.name} --watch"
    elif verdict == Verdict.PROMOTE and record.outcome is Outcome.REPORTED:
        hint = f"phoenix experiment promote {record.name} promotes what was reported"
    else:
        hint = f"phoenix experiment status {record.name} says how it ended"
    return StateError(
        f"{record.name} waits for no approval: it is {record.phase.value}.", code="not_awaited", hint=hint
    )


def _decided(record: ExperimentRecord, earlier: Answer) -> StateError:
    return StateError(
        f"{record.name} was decided already: {earlier.decision.value}, by {earlier.by} ({earlier.reason}).",
        code="decided",
        hint=f"phoenix experiment status {record.name} --watch",
    )
