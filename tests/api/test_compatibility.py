"""The old names of routes: each leads to a route that there is, with what was asked, and to no more rights."""

from collections.abc import Iterator

import httpx
import pytest

from phoenix.api.gate.rules import rule_for
from phoenix.api.routes.compatibility import MOVES
from phoenix.domain.access.roles import Role
from tests.support.api_server import Served

API = "/api/v1"

CASES = [(method, move) for move in MOVES for method in move.methods.split()]


@pytest.fixture
def viewer(served: Served) -> Iterator[httpx.Client]:
    with served.program("viewer", Role.VIEWER) as client:
        yield client


@pytest.mark.parametrize(("method", "move"), CASES, ids=[f"{method} {move.old}" for method, move in CASES])
def test_an_old_name_leads_to_what_there_is(served: Served, viewer: httpx.Client, method, move):
    name = "a b%2Fü?"
    old = move.old.format(name="a%20b%252F%C3%BC%3F")
    answer = viewer.request(
        method, f"{API}{old}?target=x&target=%C3%BC", json={} if method == "POST" else None
    )
    assert answer.status_code == move.status
    place = httpx.URL(answer.headers["location"])
    assert place.is_relative_url
    assert place.path == API + move.new.format(name=name)
    assert place.query == b"target=x&target=%C3%BC"
    asked = "GET" if move.status == 303 else method
    assert rule_for(served.app.rules(), asked, API + move.new.format(name="x")) is not None


def test_a_redirect_gives_nobody_more_rights(served: Served, viewer: httpx.Client):
    with served.client() as stranger:
        assert stranger.get(f"{API}/pipelines").status_code == 401
    refused = viewer.post(f"{API}/loadsimulations", json={"targets": ["local"]}, follow_redirects=True)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert viewer.get(f"{API}/loadsimulations/profiles", follow_redirects=True).status_code == 200
    assert len(viewer.get(f"{API}/pipelines", follow_redirects=True).json()["items"]) == 5


def test_old_names_are_no_part_of_the_description(viewer: httpx.Client):
    paths = viewer.get("/openapi.json").json()["paths"]
    assert not {path for path in paths if "loadsimulations" in path or "kpis" in path}
