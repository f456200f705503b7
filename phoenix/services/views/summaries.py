"""An experiment as one public object: what `-o json`, the API and the report show."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from phoenix.domain.record import ExperimentRecord

_WITHOUT_COMPARISON: Mapping[str, object] = {
    "verdict": None,
    "reasons": [],
    "scrapes": 0,
    "validity": {"valid": None, "reasons": []},
    "alpha": None,
    "metrics": {},
    "criteria": [],
    "critical": {"processes": 0, "missed": [], "missedByBaseline": [], "missUpperBound": None},
    "decidedAtScrape": None,
    "fleet": None,
    "leftOut": [],
    "approval": None,
}
"""The shape before the first comparison: nothing is known, and nothing says otherwise."""


def summarise(record: ExperimentRecord) -> dict[str, Any]:
    """The record and its comparison, JSON-compatible; every key is always there, an unknown value is null."""
    document = cast("Mapping[str, Any]", record.document["document"])
    plan = cast("Mapping[str, Any]", record.document["plan"])
    comparison = {**_WITHOUT_COMPARISON, **(record.result or {})}
    return {
        "id": record.id,
        "name": record.name,
        "phase": record.phase.value,
        "verdict": comparison["verdict"],
        "outcome": record.outcome.value,
        **{key: value for key, value in comparison.items() if key != "verdict"},
        "baseline": {"pipeline": plan["baseline"]["pipeline"], "version": plan["baseline"]["version"]},
        "candidate": {"pipeline": plan["candidate"]["pipeline"], "version": plan["candidate"]["version"]},
        "targets": list(document["spec"]["targets"]),
        "findings": [dict(finding) for finding in record.findings],
        "createdAt": record.created_at.isoformat(),
        "startedAt": record.started_at.isoformat() if record.started_at else None,
        "finishedAt": record.finished_at.isoformat() if record.finished_at else None,
        "error": record.error or None,
    }


def shortly(record: ExperimentRecord) -> dict[str, Any]:
    """What a list shows of an experiment; figures of the objective only."""
    plan = cast("Mapping[str, Any]", record.document["plan"])
    spec = cast("Mapping[str, Any]", record.document["document"])["spec"]
    result = cast("Mapping[str, Any]", record.result or {})
    objective = spec["objective"]["metric"]
    effect = (result.get("metrics", {}).get(objective) or {}).get("effect") or {}
    return {
        "id": record.id,
        "name": record.name,
        "phase": record.phase.value,
        "verdict": result.get("verdict"),
        "outcome": record.outcome.value,
        "objective": objective,
        "reduction": effect.get("estimate"),
        "scrapes": result.get("scrapes", 0),
        "baseline": plan["baseline"]["pipeline"],
        "candidate": plan["candidate"]["pipeline"],
        "targets": list(spec["targets"]),
        "createdAt": record.created_at.isoformat(),
        "startedAt": record.started_at.isoformat() if record.started_at else None,
        "finishedAt": record.finished_at.isoformat() if record.finished_at else None,
        "error": record.error or None,
    }


def criteria_rows(summary: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The comparison as a flat table, one row a metric: facts of both arms, the effect, and the criteria on it."""
    rows: list[dict[str, Any]] = []
    for name, metric in summary["metrics"].items():
        effect = metric["effect"] or {}
        judged = [c for c in summary["criteria"] if c["metric"] == name]
        rows.append(
            {
                "metric": name,
                "baseline": metric["baseline"],
                "candidate": metric["candidate"],
                "reduction": effect.get("estimate"),
                "lower": effect.get("lower"),
                "upper": effect.get("upper"),
                "criteria": "; ".join(f"{c['kind']} {c['limit']:.12g}" for c in judged),
                "passed": _all_passed(judged),
            }
        )
    return rows


def _all_passed(judged: Sequence[Mapping[str, Any]]) -> bool | None:
    """False if one failed; None if nothing is judged or one is open."""
    states = [c["passed"] for c in judged]
    if False in states:
        return False
    return None if not states or None in states else True
