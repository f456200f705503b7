"""What a live view knows of a running experiment: the record, the phases passed, the last scrapes."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, cast

from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.experiment import ExperimentSpec, read_document
from phoenix.domain.phases import Phase
from phoenix.domain.record import Event, EventKind, ExperimentRecord
from phoenix.services.run.queueing import WAITS
from phoenix.services.views.summaries import summarise
from phoenix.services.views.ticks import Tick, ticks_of

REMEMBERED = 60
"""Ticks that the small charts draw; a run may have thousands."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is shown at one moment.

    Attributes:
        summary: The experiment's public object.
        spec: What was asked for.
        phases: Entered so far, in their order.
        entered_at: When the present phase began; None before the first.
        ticks: The last ones, oldest first.
        last_number: Of the newest scrape; 0 before the first.
        widths: Of the objective's interval at the last looks that had a new one, as shares, oldest first.
        trouble: Failed steps and stop requests, in words, newest last.
        silent_for: Since its driver last reported, s; None where nobody drives it.
        now: The moment.
        waits_for: Hosts that another run has, for which it waits.
    """

    summary: dict[str, Any]
    spec: ExperimentSpec
    phases: tuple[Phase, ...]
    entered_at: datetime | None
    ticks: tuple[Tick, ...]
    last_number: int
    widths: tuple[float, ...]
    trouble: tuple[str, ...]
    silent_for: float | None
    now: datetime
    waits_for: tuple[str, ...] = ()

    @property
    def phase(self) -> Phase:
        return Phase(self.summary["phase"])


@dataclass(slots=True)
class Observer:
    """Reads only what is new since its last look.

    Attributes:
        store: Where the experiment is.
        experiment: Its id.
    """

    store: ExperimentStore
    experiment: str
    _last_event: int = 0
    _last_scrape: int = 0
    _phases: list[Event] = field(default_factory=list[Event])
    _trouble: list[str] = field(default_factory=list[str])
    _ticks: deque[Tick] = field(default_factory=lambda: deque[Tick](maxlen=REMEMBERED))
    _widths: deque[float] = field(default_factory=lambda: deque[float](maxlen=REMEMBERED))
    _last_look: int = 0
    _waits_for: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: ExperimentStore, reference: str) -> Self:
        """Of an id, or of a name: a newer run of that name must not take its place on the screen."""
        return cls(store, store.get(reference).id)

    def look(self) -> Sight:
        """Read the record, and the scrapes and events after the last ones seen."""
        record = self.store.get(self.experiment)
        for event in self.store.events(self.experiment, after=self._last_event):
            self._take(event)
        # Several hosts may still be writing the newest tick: a number is passed only when a later one is there.
        fresh = ticks_of(self.store.scrapes(self.experiment, after=max(0, self._last_scrape - 1)))
        for tick in fresh:
            if self._ticks and tick.number == self._ticks[-1].number:
                self._ticks.pop()
            self._ticks.append(tick)
            self._last_scrape = tick.number
        return self._sight(record)

    def _take(self, event: Event) -> None:
        self._last_event = event.sequence
        if event.kind is EventKind.PHASE:
            self._phases.append(event)
        elif event.kind is EventKind.FAILED:
            self._trouble.append(f"{event.step} failed: {event.data.get('error', 'no reason given')}")
        elif event.kind is EventKind.NOTE and event.step == WAITS:
            self._waits_for = tuple(cast("list[str]", event.data["hosts"]))
        elif event.kind is EventKind.STOP_REQUESTED:
            self._trouble.append(f"a stop was asked for: {event.data.get('reason', 'no reason given')}")

    def _take_width(self, summary: dict[str, Any]) -> None:
        objective = summary["criteria"][0] if summary["criteria"] else {}
        lower, upper = objective.get("lower"), objective.get("upper")
        if summary["scrapes"] > self._last_look and lower is not None and upper is not None:
            self._last_look = summary["scrapes"]
            self._widths.append(upper - lower)

    def _sight(self, record: ExperimentRecord) -> Sight:
        summary = summarise(record)
        self._take_width(summary)
        known = {phase.value: phase for phase in Phase}
        phases = dict.fromkeys(known[e.step] for e in self._phases if e.step in known)
        content = cast("dict[str, Any]", record.document["document"])
        now = datetime.now(UTC)
        beat = record.heartbeat_at if record.driver else None
        return Sight(
            summary=summary,
            spec=read_document(content).spec,
            phases=tuple(phases),
            entered_at=self._phases[-1].at if self._phases else record.started_at,
            ticks=tuple(self._ticks),
            last_number=self._last_scrape,
            widths=tuple(self._widths),
            trouble=tuple(self._trouble[-3:]),
            silent_for=(now - beat).total_seconds() if beat else None,
            now=now,
            waits_for=self._waits_for,
        )
