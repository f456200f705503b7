"""What the Prefect UI shows of a run: plan, progress, comparison, verdict, report and history.

Each has a key of its own for every experiment, `verdict-exp-1a2b3c4d`, and a description that never changes.
"""

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from phoenix.domain.decision.comparison import Comparison
from phoenix.domain.record import ExperimentRecord
from phoenix.domain.samples import Variant
from phoenix.services.run.context import Run
from phoenix.services.views import pages
from phoenix.services.views.histories import moments_of
from phoenix.services.views.reports import drawn_charts, write_report
from phoenix.services.views.summaries import summarise
from tasks.publishing import attempt

UPDATE_SECONDS = 5.0
"""An update costs the server some 20 ms of CPU beside the measurement: a person does not look more often."""

_shown: "WeakKeyDictionary[Run, dict[str, UUID]]" = WeakKeyDictionary()
"""The pages of a run by what they are: one that changes is updated, and not shown twice."""


class ProgressArtifact:
    """The share of the scrapes that the earliest verdict needs."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._needed = run.spec.warmup + run.spec.minimum_scrapes
        self._id = attempt(run, "showing the progress", self._create)
        self._updated = time.monotonic()
        self._update: threading.Thread | None = None

    def show(self, scrape: int, _comparison: Comparison | None) -> None:
        """Update, at most every few seconds, and beside the measurement: a server that hangs would cost scrapes."""
        if time.monotonic() - self._updated < UPDATE_SECONDS and scrape != self._needed:
            return
        self._updated = time.monotonic()
        if self._id is None or (self._update is not None and self._update.is_alive()):
            return
        share = min(100.0, 100.0 * scrape / self._needed)
        # Settings such as the server's URL are of the context, which a thread does not inherit.
        self._update = threading.Thread(
            target=copy_context().run, args=(self._set, self._id, share), name="progress", daemon=True
        )
        self._update.start()

    def _set(self, shown: UUID, share: float) -> None:
        attempt(self._run, "updating the progress", lambda: update_progress_artifact(shown, progress=share))

    def _create(self) -> UUID:
        created = create_progress_artifact(
            0.0, key=f"progress-{self._run.id}", description="Scrapes taken of those that a verdict needs"
        )
        return cast(UUID, created)  # awaitable only where a loop runs


def publish_plan(run: Run, configs: Mapping[Variant, str]) -> None:
    """What will run, with both rendered configurations."""
    attempt(
        run,
        "publishing the plan",
        lambda: _page(run, "plan", "What will run", pages.plan_page(run.document, run.plan, configs)),
    )


def publish_comparison(run: Run) -> None:
    """The table of metrics, and the verdict as far as it is known."""
    attempt(run, "publishing the comparison", lambda: _conclusion(run, run.store.get(run.id)))


def publish_ending(run: Run) -> None:
    """What is known in the end, however the run got there: the report, and what it says in short."""
    attempt(run, "publishing the ending", lambda: _ending(run))


def _ending(run: Run) -> None:
    record, events = run.store.get(run.id), run.store.events(run.id)
    scrapes = run.store.scrapes(run.id)
    report = write_report(run.archive, record, scrapes, events)
    _conclusion(run, record)
    where = f"{report} on {socket.gethostname()}"
    _page(run, "report", "The report", pages.report_page(where, drawn_charts(record, scrapes)))
    _page(run, "history", "What happened", pages.history_page(moments_of(events)))


def _conclusion(run: Run, record: ExperimentRecord) -> None:
    summary = summarise(record)
    rows: Sequence[dict[str, Any]] = pages.comparison_rows(summary)
    if rows and "comparison" not in _of(run):
        created = create_table_artifact(
            list(rows), key=f"comparison-{run.id}", description="Both variants, metric by metric"
        )
        _of(run)["comparison"] = cast(UUID, created)
    _page(run, "verdict", "The verdict", pages.verdict_page(summary))


def _page(run: Run, kind: str, description: str, text: str) -> None:
    """Show a page, or change the one that is shown."""
    if (shown := _of(run).get(kind)) is not None:
        with get_client(sync_client=True) as client:
            client.update_artifact(shown, ArtifactUpdate(data=text, description=description))
        return
    created = create_markdown_artifact(text, key=f"{kind}-{run.id}", description=description)
    _of(run)[kind] = cast(UUID, created)


def _of(run: Run) -> dict[str, UUID]:
    return _shown.setdefault(run, {})
