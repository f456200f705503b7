"""What all requests have in common: once is once, changes know what they change, errors say what to do."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from phoenix.domain.access.roles import Role
from phoenix.domain.errors import DependencyError
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import EventKind
from tests.support.api_server import Served
from tests.support.recorded import record_experiment


@pytest.fixture
def operator(served: Served) -> Iterator[httpx.Client]:
    with served.program("operator", Role.OPERATOR) as client:
        yield client


@pytest.fixture
def waiting(served: Served) -> str:
    """An experiment that waits for approval."""
    record = record_experiment(served.phoenix.store, "waiting", phase=Phase.AWAITING_APPROVAL)
    served.phoenix.store.append(record.id, EventKind.NOTE, "approval_asked", {})
    return record.id


def test_the_same_request_twice_is_carried_out_once_and_answered_the_same(
    served: Served, operator: httpx.Client, waiting: str
):
    def ask(key: str, reason: str = "cheaper") -> httpx.Response:
        path = f"/api/v1/experiments/{waiting}/promote"
        return operator.post(path, json={"reason": reason}, headers={"idempotency-key": key})

    first, again = ask("k-1"), ask("k-1")
    assert (first.status_code, again.status_code) == (200, 200), first.text
    assert first.json() == again.json()
    assert first.headers["etag"] == again.headers["etag"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    answers = [e for e in served.phoenix.store.events(waiting) if e.step == "approval"]
    assert [(e.data["decision"], e.data["by"]) for e in answers] == [("promote", "operator")]
    assert ask("k-2").json()["code"] == "decided"
    other = ask("k-1", reason="another reason")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_a_refusal_is_repeated_too(operator: httpx.Client):
    def ask() -> httpx.Response:
        return operator.post("/api/v1/experiments/nowhere/stop", headers={"idempotency-key": "k-3"})

    first, again = ask(), ask()
    assert (first.status_code, first.json()) == (404, again.json())
    assert again.headers["idempotency-replayed"] == "true"


def test_a_key_is_its_senders_own(served: Served, operator: httpx.Client, waiting: str):
    path = f"/api/v1/experiments/{waiting}/promote"
    assert operator.post(path, headers={"idempotency-key": "shared"}).status_code == 200
    with served.program("admin", Role.ADMIN) as admin:
        answer = admin.post(path, headers={"idempotency-key": "shared"})
    assert answer.json()["code"] == "decided"
    assert "idempotency-replayed" not in answer.headers


def test_of_many_at_once_with_one_key_one_is_carried_out(
    served: Served, operator: httpx.Client, waiting: str
):
    answers: list[httpx.Response] = []

    def ask() -> None:
        with served.client(authorization=operator.headers["authorization"]) as client:
            path = f"/api/v1/experiments/{waiting}/promote"
            answers.append(client.post(path, json={}, headers={"idempotency-key": "race"}))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"request_in_progress"}
    assert len([e for e in served.phoenix.store.events(waiting) if e.step == "approval"]) == 1


def test_a_failure_of_ours_is_not_kept(
    served: Served, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object) -> None:
        raise DependencyError("the store is away", code="store_unavailable")

    path, headers = "/api/v1/experiments/nowhere/stop", {"idempotency-key": "k-4"}
    with monkeypatch.context() as patch:
        patch.setattr(served.phoenix.store, "get", away)
        assert operator.post(path, headers=headers).status_code == 503
    assert operator.post(path, headers=headers).status_code == 404


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_that_is_none_is_refused(operator: httpx.Client, key: str):
    answer = operator.post("/api/v1/experiments/nowhere/stop", headers={"idempotency-key": key})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_idempotency_key")


def test_what_changed_meanwhile_is_not_changed_by_who_saw_it_before(
    served: Served, operator: httpx.Client, waiting: str
):
    path = f"/api/v1/experiments/{waiting}"
    seen = operator.get(path)
    tag = seen.headers["etag"]
    assert operator.get(path, headers={"if-none-match": tag}).status_code == 304
    served.phoenix.store.append(waiting, EventKind.NOTE, "something", {})
    assert operator.get(path, headers={"if-none-match": tag}).status_code == 200
    stale = operator.post(f"{path}/promote", headers={"if-match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    fresh = operator.get(path).headers["etag"]
    assert operator.post(f"{path}/promote", headers={"if-match": f'"0.0", {fresh}'}).status_code == 200


def test_a_further_scrape_makes_no_decision_stale(served: Served, operator: httpx.Client, waiting: str):
    path = f"/api/v1/experiments/{waiting}"
    tag = operator.get(path).headers["etag"]
    served.phoenix.store.save_result(waiting, {"verdict": "PROMOTE", "scrapes": 99})
    assert operator.get(path).headers["etag"] != tag
    assert operator.post(f"{path}/promote", headers={"if-match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/experiments/nowhere", 404, "unknown_experiment"),
        ("GET", "/experiments?limit=0", 422, "invalid_request"),
        ("GET", "/experiments?before=x", 422, "invalid_cursor"),
        ("GET", "/experiments?phase=flying", 422, "unknown_phase"),
        ("PUT", "/experiments", 405, "method_not_allowed"),
        ("POST", "/experiments", 422, "invalid_request"),
    ],
)
def test_an_error_is_a_problem_with_code_path_and_hint(
    operator: httpx.Client, method: str, path: str, status: int, code: str
):
    answer = operator.request(method, f"/api/v1{path}")
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["instance"] == f"/api/v1{path}".partition("?")[0]
    assert problem["hint"]
    assert problem["title"]


def test_a_faulty_experiment_is_refused_with_every_fault_and_its_path(operator: httpx.Client):
    document = {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "x"},
        "spec": {},
    }
    answer = operator.post("/api/v1/experiments", json={"document": document})
    paths = {finding["path"] for finding in answer.json()["findings"]}
    assert answer.status_code == 422
    assert {"spec.baseline", "spec.candidate", "spec.objective"} <= paths
    bare = operator.post("/api/v1/experiments", json=document)
    assert {finding["path"] for finding in bare.json()["findings"]} == paths


@pytest.mark.parametrize("file", ["/etc/passwd", "../../etc/passwd", "~/.ssh/id_rsa", "here.yaml"])
def test_a_document_opens_no_file_of_the_server(operator: httpx.Client, file: str):
    document = {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "x"},
        "spec": {
            "baseline": {"file": file},
            "candidate": {"pipeline": "process-topk-v1"},
            "targets": ["local"],
            "objective": {"metric": "series", "minimumReduction": 0.5},
        },
    }
    scenario = {"experimentName": "x", "variantA_pipelineNameOrPath": "/etc/passwd.yaml"}
    for body in (
        {"document": document},
        {"document": document, "files": {file: "x: 1"}},
        {"document": scenario},
    ):
        answer = operator.post("/api/v1/experiments/preview", json=body)
        assert answer.status_code == 422, answer.text
        is_given = "/" not in file and "files" in body
        assert is_given or answer.json()["code"] in ("file_not_given", "file_name"), answer.text
        assert "root:" not in answer.text


def test_a_defect_leaves_as_a_number_and_nothing_else(
    served: Served, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    with monkeypatch.context() as patch:
        patch.setattr(served.phoenix.store, "get", broken)
        answer = operator.get("/api/v1/experiments/anything")
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")
    assert "hunter2" not in answer.text
    assert answer.json()["detail"].split("number ")[1].rstrip(".") in caplog.text


def test_pages_follow_each_other_whatever_is_created_meanwhile(served: Served, operator: httpx.Client):
    names = [record_experiment(served.phoenix.store, "paged").id for _ in range(7)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2", "name": "paged"}
    while True:
        page = operator.get("/api/v1/experiments", params=query).json()
        seen += [item["id"] for item in page["items"]]
        record_experiment(served.phoenix.store, "paged")
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == names[::-1]


def test_a_comparison_comes_as_csv_too(served: Served, operator: httpx.Client):
    from tests.support.seen_experiments import trace_scrapes

    scrapes = tuple(trace_scrapes(count=60))
    record = record_experiment(
        served.phoenix.store, "compared", scrapes, phase=Phase.COMPLETED, outcome=Outcome.REPORTED
    )
    path = f"/api/v1/experiments/{record.id}"
    rows = operator.get(f"{path}/comparison").json()["items"]
    text = operator.get(f"{path}/comparison", params={"format": "csv"}).text.splitlines()
    assert text[0] == "metric,baseline,candidate,reduction,lower,upper,criteria,passed"
    assert [line.split(",")[0] for line in text[1:]] == [row["metric"] for row in rows]
    assert "<html" in operator.get(f"{path}/report").text
    metrics = operator.get(f"{path}/metrics", params={"points": 10, "from": 11, "to": 50}).json()
    (host,) = metrics["hosts"]
    assert (host["scrapes"], host["perPoint"], len(host["number"])) == (40, 4, 10)
    series = host["metrics"]["series"]["baseline"]
    assert all(
        low <= mean <= high
        for low, mean, high in zip(series["minimum"], series["mean"], series["maximum"], strict=True)
    )


def test_what_holds_secrets_is_never_kept_for_a_key(served: Served):
    with served.browser("operator") as person:
        headers = {"idempotency-key": "secret"}
        made = [
            person.post("/api/v1/auth/tokens", json={"name": "twice"}, headers=headers).json()
            for _ in range(2)
        ]
    assert made[0]["secret"] != made[1]["secret"]
    database = served.phoenix.settings.home / "phoenix.db"
    files = [database, database.with_name("phoenix.db-wal")]
    kept = b"".join(file.read_bytes() for file in files if file.exists())
    assert not any(one["secret"].encode() in kept for one in made)
