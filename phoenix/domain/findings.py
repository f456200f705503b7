"""Findings: what is wrong with a document, as values, all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a finding binds: an error refuses at every door, a warning is shown and kept."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a document.

    Attributes:
        severity: `error` refuses with exit 2 at every door; `warning` is shown and kept in the result.
        code: Stable identifier, lower_snake_case, e.g. `inverted_filter`.
        path: Where in the document, dotted, e.g. `processors.filter/noise.metrics.resource[0]`.
        reason: What is wrong there and what it leads to.
        fix: What to write instead.
    """

    severity: Severity
    code: str
    path: str
    reason: str
    fix: str


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that refuse."""
    return tuple(f for f in findings if f.severity is Severity.ERROR)


def as_document(finding: Finding) -> dict[str, str]:
    """A finding in its public JSON shape."""
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "path": finding.path,
        "reason": finding.reason,
        "fix": finding.fix,
    }
