"""The scenario keys of the first product requirements, read as a document of today.

Only the names change; whatever is wrong in a value is found by the same checks as in a document of today.
"""

from collections.abc import Mapping

_MARKS = ("variantA_pipelineNameOrPath", "variantB_pipelineNameOrPath", "experimentName")
_KEYS = {*_MARKS, "duration", "targetHost", "criticalProcessRegex", "comparisonMetrics"}
_LOCAL = {"localhost", "127.0.0.1", "local"}


def is_scenario(content: Mapping[object, object]) -> bool:
    """Whether the keys are the old ones."""
    return "kind" not in content and any(mark in content for mark in _MARKS)


def from_scenario(old: Mapping[object, object]) -> dict[str, object]:
    """The same experiment in today's words; keys nobody knows stay, to be reported."""
    critical = old.get("criticalProcessRegex")
    spec: dict[str, object] = {
        "baseline": _pipeline(old.get("variantA_pipelineNameOrPath")),
        "candidate": _pipeline(old.get("variantB_pipelineNameOrPath")),
        "targets": [_target(old.get("targetHost", "local"))],
        "objective": {"metric": "series", "minimumReduction": 0.5},
        "guardrails": [{"metric": "critical_retention", "minimum": 1.0}] if critical else [],
    }
    if "duration" in old:
        spec["maximumDuration"] = old["duration"]
    if critical:
        spec["criticalProcesses"] = critical if isinstance(critical, list) else [critical]
    document: dict[str, object] = {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": old.get("experimentName", "scenario")},
        "spec": spec,
    }
    document.update({str(key): value for key, value in old.items() if key not in _KEYS})
    return document


def _pipeline(name_or_path: object) -> dict[str, object]:
    text = str(name_or_path or "")
    is_path = "/" in text or text.endswith((".yaml", ".yml"))
    return {"file": text} if is_path else {"pipeline": text}


def _target(host: object) -> object:
    return "local" if host in _LOCAL else host
