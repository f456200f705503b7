"""The drift check as Prefect shows it: a table, a summary, an event for each host that differs, a message to people."""

import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from prefect.artifacts import Artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed

from phoenix.adapters.prefect.events import PrefectEvents
from phoenix.composition import compose
from phoenix.domain.announcement import Announcement, Notice, Tone
from phoenix.services.announcing.announcer import LAST_SECONDS
from phoenix.services.deployments.drift_check import HostDrift
from tasks.announcing import people_told
from tasks.publishing import attempt_once
from tasks.step import step

LOG = logging.getLogger("phoenix.drift")

DRIFTED = "Drifted"
TABLE = "deployment-drift"
SUMMARY = "deployment-drift-summary"
EVENT = "phoenix.deployment.drift"


@step("compare-hosts-with-ledger")
def compare_hosts(targets: Sequence[str]) -> tuple[HostDrift, ...]:
    """One entry for each host; for every deployed one where no target is named.

    Raises:
        SpecError: A target names no host.
    """
    phoenix = compose()
    return phoenix.drift_check.look(phoenix.targets.resolve(targets) if targets else ())


def tell_of_drift(found: Sequence[HostDrift], *, is_part: bool) -> State[None]:
    """Publish what was found, and say how the flow run ends.

    Args:
        found: One entry for each host that was looked at.
        is_part: There are others, of which the last table goes on to speak.

    Returns:
        `Completed` where every host is as recorded, `Drifted` (of the type Completed) with the hosts in its message
        otherwise.
    """
    drifted = [one for one in found if one.kind is not None]
    for one in drifted:
        LOG.warning("%s: %s: %s", one.host, one.kind, one.words)
    last = attempt_once("reading the last table", _rows_of_last_run)
    rows = [_row(one) for one in found]
    if is_part:
        looked_at = {one.host for one in found}
        rows += [row for row in last or () if row["host"] not in looked_at]
    attempt_once(
        "publishing the table", lambda: create_table_artifact(rows, key=TABLE, description=_headline(found))
    )
    text = _summary(found)
    attempt_once("publishing the summary", lambda: create_markdown_artifact(text, key=SUMMARY))
    if not drifted:
        return Completed(message=_headline(found))
    attempt_once("sending the events", lambda: _send(drifted))
    # Where it is not known what people were told already, they are not told again: the events and the state say it.
    known = None if last is None else {(str(row["host"]), str(row["found"])) for row in last}
    if known is not None and (new := [one for one in drifted if (one.host, str(one.kind)) not in known]):
        _notify(new, text)
    return Completed(name=DRIFTED, message=_headline(found))


def _rows_of_last_run() -> list[dict[str, Any]]:
    """Hosts and how they differed: people are told once of what lasts, events are sent each time."""
    last = cast(Artifact | None, Artifact.get(TABLE))  # awaitable only where a loop runs
    rows: Any = last.data if last is not None else None
    if isinstance(rows, str):
        rows = json.loads(rows)
    return list(rows or ())


def _row(one: HostDrift) -> dict[str, Any]:
    found = one.kind.value if one.kind else ("busy" if one.is_busy else "as recorded")
    return {
        "host": one.host,
        "deployment": one.name,
        "pipeline": one.pipeline,
        "revision": one.revision,
        "found": found,
        "what": one.words,
    }


def _headline(found: Sequence[HostDrift]) -> str:
    drifted = [one.host for one in found if one.kind is not None]
    if not found:
        return "nothing is deployed"
    if not drifted:
        return f"{len(found)} of {len(found)} hosts looked at, none drifted"
    return f"{len(drifted)} of {len(found)} hosts drifted: {', '.join(drifted)}"


def _summary(found: Sequence[HostDrift]) -> str:
    lines = [f"- **{one.host}**: {one.kind}: {one.words}" for one in found if one.kind is not None]
    advice = (
        "\n\n`phoenix pipeline status` shows more; `phoenix pipeline deploy` or `phoenix recover` mends it."
    )
    return f"# {_headline(found)}\n\n" + "\n".join(lines) + (advice if lines else "")


def _send(drifted: Sequence[HostDrift]) -> None:
    key = str(flow_run.id or datetime.now(UTC).isoformat())
    announcements = [
        Announcement(
            event=EVENT,
            key=key,
            at=datetime.now(UTC),
            resource=f"phoenix.deployment.{one.host}",
            name=one.host,
            payload={key: value for key, value in _row(one).items() if key != "host"},
            flow_run=str(flow_run.id or ""),
        )
        for one in drifted
    ]
    PrefectEvents(PREFECT_API_URL.value(), os.environ).send(announcements)


def _notify(new: Sequence[HostDrift], text: str) -> None:
    title = f"Phoenix: {len(new)} host{'s' if len(new) > 1 else ''} drifted"
    notifier = people_told()
    notifier.notify(Notice(title, text, Tone.WARNING))
    notifier.drain(LAST_SECONDS)
