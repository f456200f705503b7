"""Deployments as documents: what serves where, what became of each host, and how it came about; for every door.

A fault of one host is a value in its row: the other hosts have their own.
"""

from datetime import datetime
from typing import Any

from phoenix.domain.deployment import Revision
from phoenix.domain.errors import PhoenixError, actor_of
from phoenix.services.deployments.deleting import Deleted
from phoenix.services.deployments.deploying import Deployed, Preview
from phoenix.services.deployments.rolling_back import RolledBack
from phoenix.services.deployments.rollout import Ended
from phoenix.services.deployments.status import HostStatus
from phoenix.services.deployments.verbs import Deployment
from phoenix.services.handover import words_of
from phoenix.services.views.wording import clean

_SHORT = 12
"""Letters of a version that people tell apart."""


def deployment_row(one: Deployment) -> dict[str, Any]:
    """One deployment, wherever it serves."""
    return {
        "name": one.name,
        "pipeline": one.pipeline,
        "version": one.version,
        "hosts": list(one.hosts),
        "since": moment(one.since),
    }


def status_document(one: HostStatus) -> dict[str, Any]:
    """Everything that is known of a host; what is not is null."""
    flow = one.flow
    return {
        "host": one.host,
        "health": one.health.value,
        "reason": one.reason,
        "name": one.name,
        "pipeline": one.pipeline,
        "version": one.version,
        "revision": one.revision,
        "points_in_per_second": flow.points_in if flow else None,
        "points_out_per_second": flow.points_out if flow else None,
        "window_seconds": flow.window_seconds if flow else None,
        "series": flow.series if flow else None,
        "reduction": one.reduction,
        "cpu_cores": flow.cpu_cores if flow else None,
        "memory_bytes": flow.memory_bytes if flow else None,
        "given_up": dict(flow.given_up) if flow else {},
        "since": moment(one.since),
        "drift": list(one.drift),
    }


def revision_row(one: Revision) -> dict[str, Any]:
    """One revision of a host, without its configuration."""
    return {
        "host": one.host,
        "revision": one.number,
        "state": one.state.value,
        "name": one.name,
        "pipeline": clean(one.pipeline),
        "version": one.version,
        "why": one.reason,
        "by": one.by,
        "served": moment(one.activated_at),
        "until": moment(one.ended_at if one.activated_at else None),
        "error": one.error or None,
        "owner": one.owner,
        "digest": one.digest,
        "parameters": dict(one.parameters),
        "variables": list(one.variables),
        "previous": one.previous,
        "created": moment(one.created_at),
    }


def deployed_row(one: Ended[Deployed]) -> dict[str, Any]:
    """What became of one host that a pipeline was deployed on."""
    done = one.result
    return {
        "host": one.target,
        "result": _result(one, "deployed" if done and done.is_new else "unchanged"),
        "revision": done.revision if done else None,
        "previous": done.previous if done else None,
        "seconds": round(done.seconds, 2) if done else None,
        "reason": reason_of(one),
    }


def preview_row(one: Ended[Preview]) -> dict[str, Any]:
    """What a deployment would do on one host, with the difference."""
    found = one.result
    facts: dict[str, Any] = (
        {}
        if found is None
        else {
            "result": "would deploy" if found.next else "unchanged",
            "current": found.current,
            "pipeline": found.pipeline or None,
            "version": short(found.version) or None,
            "next": found.next,
            "drift": "; ".join(found.drift) or None,
        }
    )
    diff = found.diff if found else ""
    return {"host": one.target, "result": "failed", **facts, "reason": reason_of(one), "diff": diff}


def rollback_row(one: Ended[RolledBack]) -> dict[str, Any]:
    """What became of one host that was to go back."""
    back = one.result
    facts: dict[str, Any] = (
        {}
        if back is None
        else {
            "revision": back.revision,
            "to": back.to,
            "previous": back.previous,
            "pipeline": back.pipeline,
            "version": back.version,
        }
    )
    return {"host": one.target, "result": _result(one, "rolled back"), **facts, "reason": reason_of(one)}


def deletion_row(one: Ended[Deleted]) -> dict[str, Any]:
    """What became of one host that everything was to be taken off."""
    return {
        "host": one.target,
        "result": _result(one, "deleted"),
        "served": one.result.active if one.result else None,
        "removed": len(one.result.revisions) if one.result else None,
        "reason": reason_of(one),
    }


def reason_of(one: Ended[object]) -> str | None:
    """Why a host failed, in one line; None where it did not."""
    return None if one.fault is None else clean(words_of(one.fault).splitlines()[0])


def fault_facts(one: Ended[object]) -> dict[str, Any]:
    """What programs want to know of a host's fault, beside `reason`; null where there is none."""
    fault = one.fault
    if fault is None:
        return {"code": None, "actor": None, "hint": None}
    code, hint = (
        (fault.code, fault.hint) if isinstance(fault, PhoenixError) else (PhoenixError.default_code, "")
    )
    return {"code": code, "actor": actor_of(fault), "hint": clean(hint)}


def short(version: str) -> str:
    """A version as tables show it."""
    return version[:_SHORT]


def moment(at: datetime | None) -> str | None:
    """ISO 8601, UTC."""
    return None if at is None else at.isoformat()


def _result(one: Ended[object], done: str) -> str:
    if one.fault is not None:
        return "failed"
    return done if one.is_begun else "not begun"
