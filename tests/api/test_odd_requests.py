"""Requests as nobody means them: each is the fault of who asks, and said to be."""

from collections.abc import Iterator

import httpx
import pytest

from phoenix.domain.access.roles import Role
from tests.support.api_server import Served


@pytest.fixture
def operator(served: Served) -> Iterator[httpx.Client]:
    with served.program("operator", Role.OPERATOR) as client:
        yield client


HOSTILE = [
    "%00",
    "%C3%28",
    "%FF%FE",
    "%ED%A0%80",
    "a" * 300,
    "%F0%9F%98%80",
    "..%00",
    "%0d%0aX-A:b",
    "%2e%2e",
    "%E2%80%AE",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "targets/{}",
        "loads/{}",
        "catalog/pipelines/{}",
        "revisions/{}?target=local",
        "experiments/{}",
        "pipelines/{}",
    ],
)
def test_an_odd_name_in_a_path_is_the_fault_of_who_asks(operator: httpx.Client, path: str, name: str):
    answer = operator.get(f"/api/v1/{path.format(name)}", follow_redirects=True)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "hosts?target={}",
        "revisions?target={}",
        "revisions/diff?target={}",
        "deployments/overlap?target={}",
        "targets?selector={}",
        "catalog/pipelines/topk?set={}",
        "catalog/pipelines/topk?set=exporters={}",
        "catalog/pipelines/topk?set=k={}",
    ],
)
def test_an_odd_question_is_the_fault_of_who_asks(operator: httpx.Client, path: str, name: str):
    answer = operator.get(f"/api/v1/{path.format(name)}")
    assert 400 <= answer.status_code < 500, answer.text


BODIES: list[tuple[str, bytes]] = [
    ("pipelines/validate", b'{"pipeline": "\\ud800"}'),
    ("pipelines/validate", b'{"config": "a: \\u0000"}'),
    ("pipelines/validate", b'{"pipeline": "topk", "settings": {"\\ud800": 1}}'),
    ("pipelines/render", b'{"pipeline": "topk", "settings": {"k": ' + b"9" * 5000 + b"}}"),
    ("pipelines/render", b'{"pipeline": "topk", "settings": {"k": NaN}}'),
    ("pipelines/render", b'{"pipeline": "topk", "settings": {"k": 1e999}}'),
    ("pipelines/render", b'{"pipeline": "topk", "settings": {"k": {"a": 1}}}'),
    ("pipelines/render", b'{"config": "' + b"[" * 5000 + b'"}'),
    ("pipelines/render", b'{"config": "a: \\"\\\\uD800\\""}'),
    ("pipelines/render", b"[" * 100_000),
    ("pipelines/render", b'{"\\ud800": 1}'),
    ("deployments/preview", b'{"pipeline": "topk", "targets": [""]}'),
    ("deployments/preview", b'{"pipeline": "topk", "targets": ["\\u0000"]}'),
    ("deployments/preview", b'{"pipeline": "topk", "targets": ["ssh://\\ud83d\\ude00"]}'),
    ("deployments/rollback", b'{"targets": ["local"], "to": 99999999999999999999999}'),
    ("deployments/rollback", b'{"targets": ["local"], "to": 0}'),
    ("loads", b'{"targets": ["local://x"], "settings": {"description": "\\ud800"}}'),
    ("loads", b'{"targets": ["local://x"], "settings": {"patterns": [{"\\ud800": 1}]}}'),
    ("loads", b'{"targets": ["local://x"], "settings": {"patterns.0.names": ["a\\u0000"]}}'),
    ("loads", b'{"targets": ["local://x"], "seed": 18446744073709551616}'),
    ("loads", b'{"targets": ["local://x"], "churnRate": Infinity}'),
    ("loads", b'{"targets": ["local://x"], "profile": "realistic\\u0000"}'),
    ("loads", b'{"targets": ["local://x"], "duration": "' + b"9" * 90 + b'h"}'),
    ("targets/check", b'{"targets": ["a=\\u0000"]}'),
    ("targets/check", b'{"targets": []}'),
]


@pytest.mark.parametrize(
    ("path", "body"), BODIES, ids=[f"{path}-{index}" for index, (path, _) in enumerate(BODIES)]
)
def test_an_odd_body_is_the_fault_of_who_asks(operator: httpx.Client, path: str, body: bytes):
    answer = operator.post(f"/api/v1/{path}", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]
