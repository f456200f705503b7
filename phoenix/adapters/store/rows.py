"""Records and events to rows and back."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping

from phoenix.adapters.store.encoding import as_utc, plain, storable
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Driver, Event, EventKind, ExperimentRecord


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
        driver=_driver_of(row),
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


def _driver_of(row: RowMapping) -> Driver | None:
    if row["driver_machine"] is None:
        return None
    return Driver(row["driver_machine"], row["driver_pid"], row["driver_started"])
