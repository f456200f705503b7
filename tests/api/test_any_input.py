"""Whatever anybody sends is answered, and never by a defect: requests made from the server's own description."""

from collections.abc import Iterator
from typing import NoReturn

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

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


@pytest.mark.parametrize("examples", [12, pytest.param(150, marks=pytest.mark.soak)])
def test_no_request_is_answered_by_a_defect(open_server: Served, examples: int):
    schema = schemathesis.openapi.from_url(f"{open_server.url}/openapi.json")
    checked = 0
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path != "/api/v1/recovery":
                answer_all(operation.as_strategy(), session, examples)
                checked += 1
    assert checked > 45


def answer_all(cases: SearchStrategy[schemathesis.Case], session: requests.Session, examples: int) -> None:
    """Requests as they are drawn, each answered as it must be."""

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
        phases=[Phase.generate],
    )
    @given(cases)
    def is_answered(case: schemathesis.Case) -> None:
        answer = case.call(session=session)
        assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text[:500]}"
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0].startswith("application/problem+json")
            assert {"code", "detail", "hint", "instance"} <= answer.json().keys()

    is_answered()
