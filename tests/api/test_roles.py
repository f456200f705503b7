"""Every route with every kind of asker, both taken from the server's own description."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from phoenix.api.gate.rules import OPEN, ROLE_KEY
from phoenix.domain.access.roles import Role
from tests.support.api_server import Served

OPEN_ROUTES = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/auth/status"),
    ("GET", "/api/v1/auth/setup"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/token"),
    ("POST", "/api/v1/auth/invitation"),
    ("GET", "/api/v1/auth/oidc/login"),
    ("GET", "/api/v1/auth/oidc/callback"),
}
"""What signing in needs, and nothing else; /openapi.json lies outside its own description."""


def operations(served: Served) -> Iterator[tuple[str, str, str]]:
    document: dict[str, Any] = served.client().get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation[ROLE_KEY]


def concrete(path: str) -> str:
    """A path whose parameters lead nowhere."""
    return "/".join("nowhere-1" if part.startswith("{") else part for part in path.split("/"))


def asked(client: httpx.Client, method: str, path: str) -> int:
    """With a body that nobody understands: it must not be looked at before the asker is."""
    headers = {"content-type": "application/json", "if-match": '"0"', "idempotency-key": "k" * 500}
    content = b"{not json" if method in ("POST", "PUT", "PATCH") else None
    return client.request(method, concrete(path), content=content, headers=headers).status_code


def test_only_what_signing_in_needs_is_open(served: Served):
    assert {(method, path) for method, path, role in operations(served) if role == OPEN} == OPEN_ROUTES


def test_a_stranger_is_turned_away_from_every_other_route(served: Served):
    wrong = {
        (method, path): status
        for method, path, role in operations(served)
        if role != OPEN and (status := asked(served.client(), method, path)) != 401
    }
    assert wrong == {}


@pytest.mark.parametrize("way", ["browser", "program"])
@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_exactly_what_its_routes_say(served: Served, role: Role, way: str):
    wrong: dict[str, int] = {}
    checked = 0
    client = served.browser(role.value) if way == "browser" else served.program(role.value, role)
    for method, path, needed in operations(served):
        if needed == OPEN or path.endswith(("/auth/logout", "/recovery")):
            continue
        status = asked(client, method, path)
        is_allowed = role.includes(Role(needed))
        checked += 1
        if (status == 403) is is_allowed or status in (401, 500):
            wrong[f"{method} {path}"] = status
    assert wrong == {}
    assert checked > 40


def test_a_token_does_no_more_than_it_was_made_for_whoever_owns_it(served: Served):
    with served.program("admin", Role.VIEWER) as client:
        assert client.get("/api/v1/experiments").status_code == 200
        refused = client.post("/api/v1/experiments", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert client.get("/api/v1/auth/users").status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1", "/api/v1/experiments/../nothing", "/metrics"])
def test_a_stranger_does_not_learn_what_there_is(served: Served, path: str):
    assert served.client().get(path).status_code == 401


def test_what_is_not_there_is_a_problem_document(served: Served):
    answer = served.program("viewer", Role.VIEWER).get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.text)["code"] == "not_found"
