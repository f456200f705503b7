"""What the Prefect UI shows of a run: the plan, the progress, the comparison table, the verdict."""

import time
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from phoenix.domain.decision.comparison import Comparison, as_document
from phoenix.domain.samples import Variant
from phoenix.services.run.context import Run
from phoenix.services.views.summaries import criteria_rows
from tasks.cancellation import is_cancelled
from tasks.publishing import attempt

UPDATE_SECONDS = 5.0
"""An update costs the server some 20 ms of CPU beside the measurement: a person does not look more often."""


class ProgressArtifact:
    """The share of the scrapes that the earliest verdict needs."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._needed = run.spec.warmup + run.spec.minimum_scrapes
        self._id = attempt(run, "showing the progress", self._create)
        self._updated = time.monotonic()

    def show(self, scrape: int, _comparison: Comparison | None) -> None:
        """Update, at most every few seconds, and look whether the run was cancelled in the UI."""
        if time.monotonic() - self._updated < UPDATE_SECONDS and scrape != self._needed:
            return
        self._updated = time.monotonic()
        if is_cancelled(self._run):
            self._run.halt("cancelled in Prefect")
        if (shown := self._id) is not None:
            share = min(100.0, 100.0 * scrape / self._needed)
            attempt(
                self._run, "updating the progress", lambda: update_progress_artifact(shown, progress=share)
            )

    def _create(self) -> UUID:
        created = create_progress_artifact(0.0, key=f"progress-{self._run.id}", description="Scrapes taken")
        return cast(UUID, created)  # awaitable only where a loop runs


def publish_plan(run: Run, configs: Mapping[Variant, str]) -> None:
    """Both rendered configurations."""
    parts = [f"# {run.document.metadata.name}"]
    for variant, config in configs.items():
        arm = run.plan.arm(variant)
        parts.append(f"## {variant}: {arm.pipeline}\n\nversion `{arm.version}`\n\n```yaml\n{config}```")
    text = "\n\n".join(parts)
    attempt(
        run,
        "publishing the plan",
        lambda: create_markdown_artifact(text, key=f"plan-{run.id}", description="What will run"),
    )


def publish_comparison(run: Run, comparison: Comparison) -> None:
    """The table of metrics and the verdict with its reasons."""
    document: dict[str, Any] = as_document(comparison)
    rows = [dict(row) for row in criteria_rows(document)]
    text = verdict_markdown(document)
    attempt(
        run,
        "publishing the comparison",
        lambda: create_table_artifact(rows, key=f"comparison-{run.id}", description="Both variants"),
    )
    attempt(
        run,
        "publishing the verdict",
        lambda: create_markdown_artifact(text, key=f"verdict-{run.id}", description="The verdict"),
    )


def verdict_markdown(document: Mapping[str, Any]) -> str:
    """Verdict, reasons and criteria as Markdown."""
    state = {True: "inside", False: "**outside**", None: "open"}
    rows = [
        f"| {c['metric']} | {c['kind']} | {c['limit']:.12g} | {state[c['passed']]} | {c['reason']} |"
        for c in document["criteria"]
    ]
    reasons = "\n".join(f"- {reason}" for reason in document["reasons"])
    table = "\n".join(["| metric | criterion | limit | state | in numbers |", "|---|---|---|---|---|", *rows])
    return f"# {document['verdict']}\n\n{reasons}\n\n{table}\n\n{document['scrapes']} paired scrapes.\n"
