"""Records, events and revisions to rows and back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from phoenix.adapters.store.encoding import as_utc, exact, plain, storable
from phoenix.domain.deployment import Revision, RevisionState
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, Event, EventKind, ExperimentRecord

_EXACT = ("host", "owner", "name", "pipeline", "version", "digest", "config")
"""Of a revision, compared or hashed later."""
_WORDS = ("reason", "by", "error")
_TIMES = ("created_at", "activated_at", "ended_at")
_SAME = (*_EXACT, *_TIMES, "number", "reason", "previous", "error")
"""Of a revision, columns named and typed as the fields."""


def record_row(record: ExperimentRecord) -> dict[str, Any]:
    """The columns of a new experiment."""
    moments = ("heartbeat_at", "created_at", "started_at", "finished_at")
    times = {key: getattr(record, key) for key in moments}
    return {
        "id": record.id,
        "name": record.name,
        "document": plain(record.document),
        "phase": str(record.phase),
        "outcome": str(record.outcome),
        "error": storable(record.error),
        "result": None if record.result is None else plain(record.result),
        "findings": [plain(finding) for finding in record.findings],
        **driver_row(record.driver),
        "stop_requested": None if record.stop_requested is None else storable(record.stop_requested),
        **{key: None if moment is None else as_utc(moment) for key, moment in times.items()},
    }


def driver_row(driver: Driver | None) -> dict[str, Any]:
    """The columns that name the driver; all NULL where nobody drives."""
    if driver is None:
        return dict.fromkeys(("driver_machine", "driver_pid", "driver_started"))
    return {"driver_machine": driver.machine, "driver_pid": driver.pid, "driver_started": driver.started}


def record_of(row: RowMapping) -> ExperimentRecord:
    return ExperimentRecord(
        id=row["id"],
        name=row["name"],
        document=row["document"],
        phase=Phase(row["phase"]),
        outcome=Outcome(row["outcome"]),
        created_at=row["created_at"],
        result=row["result"],
        error=row["error"],
        driver=driver_of(row),
        heartbeat_at=row["heartbeat_at"],
        stop_requested=row["stop_requested"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        findings=tuple(row["findings"]),
    )


def events_of(rows: Sequence[RowMapping]) -> tuple[Event, ...]:
    return tuple(
        Event(row["sequence"], row["experiment"], EventKind(row["kind"]), row["step"], row["data"], row["at"])
        for row in rows
    )


def driver_of(row: RowMapping) -> Driver | None:
    if row["driver_machine"] is None:
        return None
    return Driver(row["driver_machine"], row["driver_pid"], row["driver_started"])


def stored_revision(revision: Revision) -> Revision:
    """`revision` as it comes back from a store.

    Raises:
        ValueError: A text that is compared later cannot be kept as it is, or a moment has no time zone.
        TypeError: The parameters are no JSON.
    """
    moments = {key: getattr(revision, key) for key in _TIMES}
    return replace(
        revision,
        **{key: exact(getattr(revision, key)) for key in _EXACT},
        **{key: storable(getattr(revision, key)) for key in _WORDS},
        **{key: None if moment is None else as_utc(moment) for key, moment in moments.items()},
        parameters=plain(revision.parameters),
        variables=tuple(revision.variables),
    )


def revision_row(revision: Revision) -> dict[str, Any]:
    """The columns of a revision that `stored_revision` made."""
    return {
        **{key: getattr(revision, key) for key in _SAME},
        "asked_by": revision.by,
        "parameters": dict(revision.parameters),
        "variables": list(revision.variables),
        "state": str(revision.state),
        **driver_row(revision.driver),
    }


def revision_of(row: RowMapping) -> Revision:
    return Revision(
        **{key: row[key] for key in _SAME},
        parameters=row["parameters"],
        by=row["asked_by"],
        variables=tuple(row["variables"]),
        state=RevisionState(row["state"]),
        driver=driver_of(row),
    )
