"""The ledger as a time line for people: phases with their length, and what else happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from phoenix.domain.phases import Phase
from phoenix.domain.record import Event, EventKind
from phoenix.services.views.wording import span

MOST_MOMENTS = 200
"""A history longer than this is in the store, not in a page for people."""

BOOKKEEPING = frozenset({"announced"})
"""Notes that Phoenix makes for itself."""

MOST_CHARACTERS = 240
"""Of one event's facts: configurations are remembered in the ledger and would fill the page."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the history.

    Attributes:
        at: When, UTC.
        title: What happened.
        facts: Its numbers, in words; "" without any.
        lasted: How long a phase took; "" for anything else and for the last one.
        is_phase: A phase began.
        is_trouble: A step failed or somebody asked for the end.
    """

    at: datetime
    title: str
    facts: str
    lasted: str
    is_phase: bool
    is_trouble: bool


def moments_of(events: Sequence[Event]) -> list[Moment]:
    """The events worth reading, oldest first; an intent only where its outcome is missing."""
    ended = {e.step for e in events if e.kind in (EventKind.DONE, EventKind.FAILED)}
    shown = [e for e in events if e.kind is not EventKind.INTENT or e.step not in ended]
    shown = [e for e in shown if e.kind is not EventKind.NOTE or e.step not in BOOKKEEPING]
    phases = [e for e in events if e.kind is EventKind.PHASE]
    lengths = {
        before.sequence: span((after.at - before.at).total_seconds()) for before, after in pairwise(phases)
    }
    return [_moment(event, lengths.get(event.sequence, "")) for event in shown[:MOST_MOMENTS]]


def _moment(event: Event, lasted: str) -> Moment:
    return Moment(
        at=event.at,
        title=_title(event),
        facts=_facts(event.data),
        lasted=lasted,
        is_phase=event.kind is EventKind.PHASE,
        is_trouble=event.kind in (EventKind.FAILED, EventKind.STOP_REQUESTED),
    )


def _title(event: Event) -> str:
    match event.kind:
        case EventKind.PHASE:
            meaning = Phase(event.step).meaning if event.step in set(Phase) else ""
            return f"{event.step.replace('_', ' ')}: {meaning}" if meaning else event.step
        case EventKind.INTENT:
            return f"{event.step}: begun, no outcome written"
        case EventKind.DONE:
            return f"{event.step}: done"
        case EventKind.FAILED:
            return f"{event.step}: failed"
        case EventKind.UNDONE:
            return f"{event.step}: taken back"
        case EventKind.STOP_REQUESTED:
            return "a stop was asked for"
        case EventKind.NOTE:
            return event.step.replace("_", " ")


def _facts(data: Mapping[str, object]) -> str:
    plain = {key: value for key, value in data.items() if value not in (None, "", [], {})}
    text = ", ".join(f"{key} {value}" for key, value in plain.items() if not isinstance(value, Mapping))
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
