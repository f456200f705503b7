"""Saved targets over HTTP: who changes one may say which state of it he saw."""

from collections.abc import Iterator

import httpx
import pytest

from phoenix.domain.access.roles import Role
from tests.support.api_server import Served

TARGETS = "/api/v1/targets"


@pytest.fixture
def operator(served: Served) -> Iterator[httpx.Client]:
    with served.program("operator", Role.OPERATOR) as client:
        yield client


def put(client: httpx.Client, name: str, uri: str, **headers: str) -> httpx.Response:
    return client.put(f"{TARGETS}/{name}", json={"uri": uri}, headers=headers)


def test_a_new_one_is_created_and_one_that_is_there_changed(operator: httpx.Client):
    made = put(operator, "fresh", "local://fresh")
    assert (made.status_code, made.headers["etag"]) == (201, operator.get(f"{TARGETS}/fresh").headers["etag"])
    assert put(operator, "fresh", "local://other").status_code == 200


def test_who_saw_another_state_changes_nothing(operator: httpx.Client):
    seen = put(operator, "seen", "local://seen").headers["etag"]
    assert put(operator, "seen", "local://by-another").status_code == 200
    stale = put(operator, "seen", "local://late", **{"if-match": seen})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    gone = operator.delete(f"{TARGETS}/seen", headers={"if-match": seen})
    assert gone.status_code == 412
    assert operator.get(f"{TARGETS}/seen").json()["uri"] == "local://by-another"
    now = operator.get(f"{TARGETS}/seen").headers["etag"]
    assert operator.delete(f"{TARGETS}/seen", headers={"if-match": now}).status_code == 200
    late = put(operator, "seen", "local://late", **{"if-match": "*"})
    assert (late.status_code, operator.get(f"{TARGETS}/seen").status_code) == (412, 404)


def test_who_has_it_already_is_told_so(operator: httpx.Client):
    tag = put(operator, "known", "local://known").headers["etag"]
    assert operator.get(f"{TARGETS}/known", headers={"if-none-match": tag}).status_code == 304
    assert operator.get(f"{TARGETS}/known", headers={"if-none-match": '"another"'}).status_code == 200
