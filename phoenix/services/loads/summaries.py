"""Load runs and load profiles as documents, the same for every door; what is not known is null."""

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from phoenix.domain.load.run import LoadRun, LoadStatus

if TYPE_CHECKING:  # what it imports takes a tenth of a second of CPU, which a look at runs need not pay
    from phoenix.services.loads.starting import Offer

_FIGURES = tuple(field.name for field in fields(LoadStatus))


def summarise(run: LoadRun) -> dict[str, Any]:
    """Everything that is known of a run; times are ISO 8601, UTC."""
    ending = run.ending
    return {
        "name": run.name,
        "id": run.id,
        "profile": run.profile,
        "experiment": run.experiment or None,
        "state": run.state.value,
        "requested": run.requested,
        "achieved": run.achieved,
        "requested_rate": requested_rate(run),
        "achieved_rate": achieved_rate(run),
        "duration_seconds": (run.deadline - run.created_at).total_seconds(),
        "created_at": _moment(run.created_at),
        "started_at": _moment(run.started_at),
        "deadline": _moment(run.deadline),
        "ended_at": _moment(run.ended_at),
        "stop_requested": run.stop_requested,
        "ended_because": ending.why.value if ending else None,
        "ending": ending.words if ending else None,
        "hosts": [_host(run, target) for target in run.targets],
    }


def profile_document(offer: "Offer") -> dict[str, Any]:
    """A profile with exact figures."""
    plan = offer.plan
    return {
        "name": offer.profile.name,
        "aliases": list(offer.profile.aliases),
        "description": offer.profile.description,
        "processes": plan.processes,
        "churn_rate": plan.churn_per_second,
        "cpu_cores": plan.cpu_cores,
        "memory_bytes": plan.memory_bytes,
    }


def requested_rate(run: LoadRun) -> float:
    """Short-lived processes asked for on all hosts together, 1/s."""
    return sum(status.requested_rate for status in run.hosts.values())


def achieved_rate(run: LoadRun) -> float | None:
    """Short-lived processes started on all hosts together, 1/s; None before it was measured."""
    rates = [status.achieved_rate for status in run.hosts.values() if status.achieved_rate is not None]
    return sum(rates) if rates else None


def _host(run: LoadRun, target: str) -> dict[str, Any]:
    status = run.hosts.get(target)
    said = status.as_document() if status else dict.fromkeys(_FIGURES)
    return {"host": target, **said, "left": run.left.get(target)}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
