"""Which role a route needs, read from the same OpenAPI document that people read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.domain.access.roles import Role

ROLE_KEY = "x-phoenix-role"
"""On every operation of the OpenAPI document; `none` where nobody needs to sign in."""

OPEN = "none"

API = "/api/v1"

EVENTS_PATH = f"{API}/events"
"""The WebSocket, which OpenAPI cannot describe."""

METRICS_PATH = "/metrics"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one operation asks of whoever calls it.

    Attributes:
        method: HTTP method.
        path: Pattern that the whole path must match.
        operation: Its id, such as `experiments.promote`.
        role: The least role; None where nobody needs to sign in.
    """

    method: str
    path: re.Pattern[str]
    operation: str
    role: Role | None


def needs(role: Role | None) -> dict[str, Any]:
    """What a route says of itself in the OpenAPI document."""
    return {ROLE_KEY: OPEN if role is None else role.value}


def rules_of(document: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of every operation; one without a role is a defect, and named.

    Raises:
        ValueError: An operation says of itself no role.
    """
    found: list[Rule] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            said = operation.get(ROLE_KEY)
            if said is None:
                raise ValueError(f"{method.upper()} {path} has no {ROLE_KEY}")
            role = None if said == OPEN else Role(said)
            found.append(Rule(method.upper(), _pattern(path), operation["operationId"], role))
    return tuple(found)


def rule_for(rules: Sequence[Rule], method: str, path: str) -> Rule | None:
    """The rule of a request; HEAD goes by that of GET. None where there is no such operation."""
    asked = "GET" if method == "HEAD" else method
    return next((rule for rule in rules if rule.method == asked and rule.path.fullmatch(path)), None)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", path)
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts))
