"""The re-validation as Prefect shows it: what is due, one table of verdicts, an event for each that was not confirmed."""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Completed

from phoenix.adapters.prefect.events import PrefectEvents
from phoenix.composition import compose
from phoenix.domain.announcement import Announcement, Notice, Tone
from phoenix.domain.decision.comparison import Verdict
from phoenix.domain.errors import PhoenixError, StateError
from phoenix.domain.record import ExperimentRecord
from phoenix.services.announcing.announcer import LAST_SECONDS
from phoenix.services.revalidations import Promoted, demand_verdict
from tasks.announcing import people_told
from tasks.publishing import attempt_once
from tasks.step import step

NOT_CONFIRMED = "NotConfirmed"
INCOMPLETE = "Incomplete"
TABLE = "revalidation"
EVENT = "phoenix.experiment.revalidation_failed"
STOPPED = "stopped"
SKIPPED = "skipped"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one promoted experiment.

    Attributes:
        promoted: Its record.
        found: A verdict, or `skipped`, `failed`, `stopped`.
        words: Why, for a person.
        run: Id of the new run; "" where there was none.
    """

    promoted: ExperimentRecord
    found: str
    words: str = ""
    run: str = ""


@dataclass
class Tour:
    """The re-validation as a whole: what is at work, and whether it is to end.

    Attributes:
        answers: So far.
    """

    answers: list[Answer] = field(default_factory=list[Answer])
    _halted: threading.Event = field(default_factory=threading.Event)
    _reason: str = ""
    _running: str = ""

    def halt(self, reason: str) -> None:
        """End soon: what runs is stopped and cleaned up, nothing more is begun."""
        self._reason = self._reason or reason
        self._halted.set()
        if running := self._running:
            with suppress(StateError):
                compose().experiments.stop(running, reason)

    @property
    def is_halted(self) -> bool:
        """Whether it is to end."""
        return self._halted.is_set()

    def begin(self, promoted: Promoted, *, is_late: bool) -> str:
        """Record the new run of an experiment; "" where it cannot be run now, which is answered with the reason.

        Args:
            promoted: What is due.
            is_late: Nothing more is to be begun.
        """
        revalidations = compose().revalidations
        why_not = promoted.why_not or (
            "its time was over" if is_late else revalidations.why_busy(promoted.record)
        )
        if why_not:
            self.answers.append(Answer(promoted.record, SKIPPED, why_not))
            return ""
        self._running = revalidations.record(promoted.record).id
        if self.is_halted:  # it came before there was anything to stop
            with suppress(StateError):
                compose().experiments.stop(self._running, self._reason)
        return self._running

    def end(self, promoted: Promoted) -> None:
        """Write down what came of the run that was begun last."""
        run, self._running = self._running, ""
        record = compose().experiments.get(run)
        try:
            verdict = demand_verdict(record)
        except PhoenixError as fault:
            if is_stop := isinstance(fault, StateError):
                self.halt(fault.message)
            self.answers.append(Answer(promoted.record, STOPPED if is_stop else FAILED, fault.message, run))
            return
        reasons = (record.result or {}).get("reasons")
        words = "; ".join(map(str, reasons)) if isinstance(reasons, list | tuple) else ""
        self.answers.append(Answer(promoted.record, verdict, words, run))

    def ending(self) -> State[None]:
        """Publish the answers, and say how the flow run ends.

        Returns:
            `Cancelled` where it was stopped, `NotConfirmed` where a promoted pipeline would not be promoted today,
            `Incomplete` where one has no such answer, else `Completed`; but for the first of the type Completed.
        """
        message = _headline(self.answers)
        rows = [_row(answer) for answer in self.answers]
        attempt_once(
            "publishing the table", lambda: create_table_artifact(rows, key=TABLE, description=message)
        )
        if refuted := [answer for answer in self.answers if answer.found == Verdict.ROLL_BACK]:
            attempt_once("sending the events", lambda: _send(refuted))
            _notify(refuted)
        if self.is_halted:
            return Cancelled(message=f"{self._reason}; {message}")
        if refuted:
            return Completed(name=NOT_CONFIRMED, message=message)
        is_complete = all(answer.found == Verdict.PROMOTE for answer in self.answers)
        return Completed(message=message) if is_complete else Completed(name=INCOMPLETE, message=message)


@step("find-promoted-experiments")
def find_promoted(references: Sequence[str]) -> tuple[Promoted, ...]:
    """What is due; those that are named and cannot be run anew say why.

    Raises:
        StateError: A name is not known.
    """
    phoenix = compose()
    phoenix.installer.install(print)
    return phoenix.revalidations.due(references)


def _row(answer: Answer) -> dict[str, Any]:
    return {
        "experiment": answer.promoted.name,
        "promoted by": answer.promoted.id,
        "found": answer.found,
        "what": answer.words,
        "run": answer.run,
    }


def _headline(answers: Sequence[Answer]) -> str:
    if not answers:
        return "nothing that was promoted serves"
    found = [answer.found for answer in answers]
    counts = [f"{found.count(word)} {word}" for word in dict.fromkeys(found)]
    return f"{len(answers)} promoted: {', '.join(counts)}"


def _send(refuted: Sequence[Answer]) -> None:
    now = datetime.now(UTC)
    announcements = [
        Announcement(
            event=EVENT,
            key=answer.run,
            at=now,
            resource=f"phoenix.experiment.{answer.promoted.id}",
            name=answer.promoted.name,
            payload={"verdict": answer.found, "revalidation": answer.run, "reasons": answer.words},
            flow_run=str(flow_run.id or ""),
        )
        for answer in refuted
    ]
    PrefectEvents(PREFECT_API_URL.value(), os.environ).send(announcements)


def _notify(refuted: Sequence[Answer]) -> None:
    lines = [
        f"- {answer.promoted.name}: {answer.words}; `phoenix experiment rollback {answer.promoted.id}` takes it back"
        for answer in refuted
    ]
    notifier = people_told()
    title = f"Phoenix: {len(refuted)} promoted pipeline{'s' if len(refuted) > 1 else ''} would not be promoted today"
    notifier.notify(Notice(title, "\n".join(lines), Tone.WARNING))
    notifier.drain(LAST_SECONDS)
