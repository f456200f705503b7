"""Whatever anybody sends is answered, and never by a defect: requests made from the server's own description."""

from collections.abc import Iterator
from typing import NoReturn

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.transport import Response

from phoenix.domain.errors import StateError
from phoenix.domain.targets import parse_host
from tests.support.api_server import Served, phoenix_of, serving


class NoHosts:
    """A `HostDirectory` whose hosts refuse: what is drawn at random must not run anywhere."""

    def check(self, target: str) -> None:
        parse_host(target)

    def open(self, target: str) -> NoReturn:
        raise StateError(f"{target} is not for tests.", code="no_hosts_here")


class NoFlows:
    """A `FlowRunner` that begins nothing."""

    def start(self, *_: object) -> None:
        return None

    def withdraw(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    phoenix = phoenix_of(tmp_path_factory.mktemp("any"))
    phoenix.__dict__.update(hosts=NoHosts(), flows=NoFlows())
    with serving(phoenix, needs_sign_in=False) as served:
        yield served


@pytest.fixture(scope="module")
def description(open_server: Served) -> object:
    return schemathesis.openapi.from_url(f"{open_server.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("description")


@schema.parametrize()
@settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
def test_no_request_is_answered_by_a_defect(case: schemathesis.Case):
    if case.operation.path == "/api/v1/recovery":
        return
    response: Response = case.call()
    assert response.status_code < 500, f"{case.method} {case.formatted_path}: {response.text[:500]}"
    if response.status_code >= 400:
        assert response.headers["content-type"][0].startswith("application/problem+json")
        assert {"code", "detail", "hint", "instance"} <= response.json().keys()
