"""Every error Phoenix raises on purpose, split by who can act.

    PhoenixError            code, message, hint, details
      SpecError             the author: an invalid document, an unknown name; never retried
      StateError            the operator: not legal in the present state; never retried
      DependencyError       the outside: a host, a collector, a server, a deadline; may be retried

Each door translates them once: exit codes in `phoenix.cli.exit_codes`, HTTP statuses in the API, retries in the
tasks. A fault in a document is a `Finding` first; `SpecError` carries all of them at once.
"""

from collections.abc import Mapping, Sequence

from phoenix.domain.findings import Finding


class PhoenixError(Exception):
    """What went wrong, why, and what to do.

    Args:
        message: What and why, one sentence.
        code: Stable identifier for machines, lower_snake_case.
        hint: What the person can do about it.
        details: Further facts, for `-o json` and logs; never a secret.
    """

    default_code = "error"
    actor = "developer"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.details = dict(details or {})


class SpecError(PhoenixError):
    """The author must change a document; `findings` holds every fault, each with its path and fix."""

    default_code = "invalid_input"
    actor = "author"

    def __init__(
        self,
        message: str,
        *,
        findings: Sequence[Finding] = (),
        code: str | None = None,
        hint: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, details=details)
        self.findings = tuple(findings)


class StateError(PhoenixError):
    """The request is well formed but not possible now (a taken lease, a promotion without a verdict)."""

    default_code = "not_possible_now"
    actor = "operator"


class DependencyError(PhoenixError):
    """Something outside failed: a collector, a host, a server, a build, a deadline."""

    default_code = "dependency_failed"
    actor = "outside"


def actor_of(fault: BaseException) -> str:
    """Who can act on a fault: author, operator, outside, or the developer for what nobody foresaw."""
    return fault.actor if isinstance(fault, PhoenixError) else PhoenixError.actor
