"""Follows one experiment's ledger and tells others what happens, each thing once."""

import logging
import socket
from collections.abc import Callable, Sequence

from phoenix.adapters.archive import Archive
from phoenix.adapters.ports import EventFeed, Notifier
from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.announcement import Announcement
from phoenix.domain.errors import DependencyError
from phoenix.domain.record import Event, EventKind, ExperimentRecord
from phoenix.services.announcing.notices import Links, notice_of
from phoenix.services.announcing.occurrences import Occurrence, occurrences
from phoenix.services.views.reports import report_path
from phoenix.services.views.summaries import summarise

LOG = logging.getLogger(__name__)

ANNOUNCED = "announced"
"""The ledger's note of how far it was told: `through` is a sequence of the ledger."""

FLOW_RUN = "flow_run"
"""The ledger's note of the Prefect flow run that drives: `id` and `url`."""

LAST_SECONDS = 5.0
"""For what is still on its way when a run is over: it went on without waiting, and its end waits little."""

MOST_UNSENT = 200
"""Announcements that wait for a server which does not answer; a run has fewer."""


class Announcer:
    """Tells of one experiment; whoever drives or ends it has one, nobody else.

    What somebody may act on is marked in the ledger before it is told. So it is told once, whoever dies: what a process
    dies over between the mark and the telling, within milliseconds, is not told at all.

    Args:
        experiment: Its id.
        store: Holds the ledger.
        feed: Takes the events; None where there is no server.
        notifier: Tells people.
        archive: Where the report lies, or will.
    """

    def __init__(
        self,
        experiment: str,
        store: ExperimentStore,
        feed: EventFeed | None,
        notifier: Notifier,
        archive: Archive,
    ) -> None:
        self._experiment = experiment
        self._store = store
        self._feed = feed
        self._notifier = notifier
        self._archive = archive
        self._ledger: list[Event] = []
        self._told_through = -1
        self._unsent: list[Announcement] = []
        self._is_refused = False

    def look(self) -> None:
        """Tell what the ledger says since the last look; what the server does not take now is tried at the next one.

        Raises:
            StateError: If the experiment was deleted meanwhile.
        """
        if self._feed is None and not self._notifier.has_targets:
            return
        after = self._ledger[-1].sequence if self._ledger else 0
        if (new := self._store.events(self._experiment, after=after)) or self._told_through < 0:
            self._read(new)
        self._send()

    def finish(self) -> None:
        """Look once more, and wait a little for the messages to people."""
        self.look()
        self._notifier.drain(LAST_SECONDS)

    def _read(self, new: Sequence[Event]) -> None:
        self._ledger += new
        marks = [int(str(e.data["through"])) for e in self._ledger if _is_note(e, ANNOUNCED)]
        self._told_through = max([self._told_through, *marks])
        record = self._store.get(self._experiment)
        fresh = [o for o in occurrences(record, self._ledger) if o.sequence > self._told_through]
        if not fresh:
            return
        self._told_through = fresh[-1].sequence
        if any(occurrence.what.is_told_once for occurrence in fresh):
            self._store.append(self._experiment, EventKind.NOTE, ANNOUNCED, {"through": self._told_through})
        self._tell(record, fresh)

    def _tell(self, record: ExperimentRecord, fresh: Sequence[Occurrence]) -> None:
        run_id, url = self._flow_run()
        if self._feed is not None:
            self._unsent += [_announcement(record, occurrence, run_id) for occurrence in fresh]
        if not self._notifier.has_targets:
            return
        links = Links(url, f"{report_path(self._archive, record.id)} on {socket.gethostname()}")
        for occurrence in fresh:
            if (notice := notice_of(occurrence, summarise(record), links)) is not None:
                self._notifier.notify(notice)

    def _flow_run(self) -> tuple[str, str]:
        notes = [e for e in self._ledger if _is_note(e, FLOW_RUN)]
        last = notes[-1].data if notes else {}
        return str(last.get("id") or ""), str(last.get("url") or "")

    def _send(self) -> None:
        if self._feed is None or not self._unsent:
            return
        try:
            self._feed.send(self._unsent)
        except DependencyError as error:
            if not self._is_refused:
                LOG.warning("Events of the experiment wait, the run goes on: %s", error)
            self._is_refused = True
            self._unsent = self._unsent[-MOST_UNSENT:]
        else:
            self._is_refused = False
            self._unsent = []


def _announcement(record: ExperimentRecord, occurrence: Occurrence, flow_run: str) -> Announcement:
    return Announcement(
        event=f"phoenix.experiment.{occurrence.what.value}",
        key=str(occurrence.sequence),
        at=occurrence.at,
        resource=f"phoenix.experiment.{record.id}",
        name=record.name,
        payload=occurrence.payload,
        flow_run=flow_run,
    )


def _is_note(event: Event, step: str) -> bool:
    return event.kind is EventKind.NOTE and event.step == step


def tell_of_ending(announcer: Callable[[], Announcer], report: Callable[[], object]) -> None:
    """What recovery does for an experiment that it ended; a fault in it is told in the log, the repair stands.

    Args:
        announcer: Makes the one of that experiment.
        report: Writes its report.
    """
    try:
        report()
        announcer().finish()
    except Exception as error:  # noqa: BLE001 - the experiment is over and clean, whoever could not be told of it
        LOG.warning("Nobody could be told that the experiment is over: %s: %s", type(error).__name__, error)
