"""What a ledger holds that others want to hear of; pure, so that who reads it twice finds the same."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Event, EventKind, ExperimentRecord
from phoenix.services.approvals import BREACH
from phoenix.services.views.wording import clean

MOST_REASONS = 5
"""Of a verdict, in a payload; the report has them all."""

MOST_CHARACTERS = 500
"""Of a reason or an error in a payload."""


class What(StrEnum):
    """The kinds, each the last part of an event's name."""

    CREATED = "created"
    PHASE = "phase"
    APPROVAL_NEEDED = "approval_needed"
    VERDICT = "verdict"
    BREACH = "breach"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_told_once(self) -> bool:
        """Whether the ledger is marked before it is told: somebody may act on it, and must not act twice."""
        return self not in (What.CREATED, What.PHASE)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened to an experiment.

    Attributes:
        what: Its kind.
        sequence: Of the ledger's event that says so; 0 for the record itself.
        at: When, UTC.
        payload: Facts, JSON-compatible and small.
    """

    what: What
    sequence: int
    at: datetime
    payload: Mapping[str, object] = field(default_factory=dict[str, object])


def occurrences(record: ExperimentRecord, events: Sequence[Event]) -> list[Occurrence]:
    """All of an experiment, oldest first.

    Args:
        record: As it is now; a verdict's figures are in it.
        events: Its whole ledger, oldest first.
    """
    found = [Occurrence(What.CREATED, 0, record.created_at, _origin(record))]
    outcome, phase = Outcome.NONE, ""
    for event in events:
        if event.kind is EventKind.PHASE:
            phase = event.step
            found += _entered(event, record, outcome)
            outcome = Outcome(str(event.data.get("outcome", outcome)))
        elif event.kind is EventKind.DONE and event.step == "compare":
            found.append(Occurrence(What.VERDICT, event.sequence, event.at, _verdict(record)))
        elif event.kind is EventKind.NOTE and event.step == BREACH:
            facts = {"reason": _short(event.data.get("reason", "")), "phase": phase}
            found.append(Occurrence(What.BREACH, event.sequence, event.at, facts))
    return found


def _entered(event: Event, record: ExperimentRecord, before: Outcome) -> Generator[Occurrence]:
    phase = Phase(event.step)

    def occurred(what: What, payload: Mapping[str, object]) -> Occurrence:
        return Occurrence(what, event.sequence, event.at, payload)

    if not phase.is_over:
        yield occurred(What.PHASE, {"phase": phase.value, "meaning": phase.meaning})
        if phase is Phase.AWAITING_APPROVAL:
            yield occurred(What.APPROVAL_NEEDED, _verdict(record))
        return
    outcome = Outcome(str(event.data.get("outcome", Outcome.NONE)))
    ending = {
        "verdict": (record.result or {}).get("verdict"),
        "outcome": outcome.value,
        "error": _short(event.data.get("error", "")) or None,
    }
    if outcome is not before:
        if outcome is Outcome.PROMOTED:
            yield occurred(What.PROMOTED, ending)
        elif outcome in (Outcome.REVERTED, Outcome.ROLLED_BACK):
            yield occurred(What.ROLLED_BACK, ending)
    yield occurred(What(phase.value), ending)


def _origin(record: ExperimentRecord) -> dict[str, object]:
    document: Any = record.document["document"]
    plan: Any = record.document["plan"]
    return {
        "baseline": str(plan["baseline"]["pipeline"]),
        "candidate": str(plan["candidate"]["pipeline"]),
        "hosts": len(document["spec"]["targets"]),
    }


def _verdict(record: ExperimentRecord) -> dict[str, object]:
    document: Any = record.document["document"]
    result: Mapping[str, Any] = record.result or {}
    criteria = [
        {key: c[key] for key in ("metric", "role", "kind", "limit", "value", "lower", "upper", "passed")}
        for c in result.get("criteria", ())
    ]
    return {
        "verdict": result.get("verdict"),
        "reasons": [_short(reason) for reason in result.get("reasons", ())[:MOST_REASONS]],
        "scrapes": result.get("scrapes"),
        "criteria": criteria,
        "onPromote": document["spec"].get("onPromote"),
    }


def _short(text: object) -> str:
    plain = clean(text)
    return plain if len(plain) <= MOST_CHARACTERS else plain[: MOST_CHARACTERS - 1] + "…"
