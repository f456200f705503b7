"""What goes to a server, what comes back as which error, and that nobody ever sees the token."""

import json
import traceback
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from phoenix.adapters.api_client import client as module
from phoenix.adapters.api_client.client import ApiClient, segment
from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.findings import Finding, Severity

TOKEN = "phx_the-secret-of-a-person"  # noqa: S105 - the test's own
URL = "http://phoenix.example:8080"
PROBLEM = "application/problem+json"

Answering = Callable[[httpx.Request], httpx.Response]


def asking(answer: Answering | httpx.Response, token: str = TOKEN) -> ApiClient:
    answering = answer if callable(answer) else lambda _request: answer
    return ApiClient(URL, token, transport=httpx.MockTransport(answering))


def problem(status: int = 422, **facts: object) -> httpx.Response:
    document = {
        "type": "urn:phoenix:problem:x",
        "title": "x",
        "status": status,
        "detail": "It is not so.",
        "code": "some_code",
        "actor": "author",
        "hint": "do it otherwise",
        "instance": "/api/v1/x",
        "findings": [],
        "details": {},
        **facts,
    }
    return httpx.Response(status, content=json.dumps(document), headers={"content-type": PROBLEM})


def fault_of(call: Callable[[], object]) -> PhoenixError:
    with pytest.raises(PhoenixError) as caught:
        call()
    return caught.value


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize(
    ("actor", "kind"),
    [
        ("author", SpecError),
        ("operator", StateError),
        ("outside", DependencyError),
        ("developer", PhoenixError),
    ],
)
def test_an_error_comes_back_as_what_it_was(actor, kind):
    fault = fault_of(lambda: asking(problem(actor=actor, details={"near": ["a"]})).get("/x"))
    assert type(fault) is kind
    assert (fault.message, fault.code, fault.hint) == ("It is not so.", "some_code", "do it otherwise")
    assert fault.details == {"near": ["a"]}


def test_findings_come_back_whole():
    found = {"severity": "warning", "code": "c", "path": "spec.a", "reason": "r", "fix": "f"}
    fault = fault_of(lambda: asking(problem(findings=[found, {"code": "d"}, 5])).get("/x"))
    assert fault.findings[0] == Finding(Severity.WARNING, "c", "spec.a", "r", "f")
    assert [one.code for one in fault.findings] == ["c", "d", ""]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<html>no such page</html>"),
        httpx.Response(500),
        httpx.Response(502, json={"error": TOKEN, "message": "bad gateway"}),
        httpx.Response(422, json=["a list"]),
        httpx.Response(422, json={"actor": "author", "code": 5, "detail": "x"}),
        httpx.Response(422, json={"actor": "somebody", "code": "x", "detail": "x"}),
        httpx.Response(308, headers={"location": f"https://elsewhere.example/?{TOKEN}"}),
        httpx.Response(200, text=f"welcome, {TOKEN}"),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(204),
    ],
)
def test_what_is_no_answer_of_a_phoenix_server_is_said_to_be_none_and_not_repeated(answer):
    fault = fault_of(lambda: asking(answer).get("/x"))
    assert (type(fault), fault.code) == (DependencyError, "no_phoenix_server")
    assert TOKEN not in f"{fault.message} {fault.hint} {fault.details}"


def test_a_get_that_finds_no_connection_is_tried_again():
    tries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        if len(tries) < 3:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json={"ok": True})

    assert asking(answer).get("/x") == {"ok": True}
    assert len(tries) == 3


@pytest.mark.parametrize("verb", ["post", "put", "delete"])
def test_a_change_is_sent_once(verb):
    tries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        raise httpx.ConnectError("refused", request=request)

    client = asking(answer)
    call = {"post": client.post, "put": lambda path: client.put(path, {}), "delete": client.delete}[verb]
    fault = fault_of(lambda: call("/x"))
    assert (type(fault), fault.code, len(tries)) == (DependencyError, "server_unreachable", 1)


def test_an_answer_that_says_no_is_not_asked_for_again():
    tries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        return problem(503, actor="outside", code="store_unavailable")

    assert fault_of(lambda: asking(answer).get("/x")).code == "store_unavailable"
    assert len(tries) == 1


def test_a_server_that_does_not_answer_in_time_may_have_done_it():
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out", request=request)

    fault = fault_of(lambda: asking(answer).post("/x"))
    assert fault.code == "server_silent"
    assert "look before you ask again" in fault.hint


def test_each_post_has_a_key_of_its_own_and_the_token_goes_with_everything():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    client = asking(answer)
    client.post("/x", {"a": 1})
    client.post("/x", {"a": 1})
    client.get("/x", {"b": None, "c": ("1", "2"), "d": 5})
    client.put("/x", {})
    client.delete("/x")
    keys = [request.headers.get("idempotency-key") for request in seen]
    assert all(keys[:2])
    assert keys[0] != keys[1]
    assert keys[2:] == [None, None, None]
    assert {request.headers["authorization"] for request in seen} == {f"Bearer {TOKEN}"}
    assert str(seen[2].url) == f"{URL}/api/v1/x?c=1&c=2&d=5"


def test_without_a_token_none_is_shown():
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"shown": "authorization" in request.headers})

    assert asking(answer, token="").get("/x") == {"shown": False}


@pytest.mark.parametrize(
    "fails",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("no HTTP"),
        httpx.LocalProtocolError("Illegal header"),
    ],
)
def test_no_error_holds_the_token(fails):
    def answer(request: httpx.Request) -> httpx.Response:
        fails.request = request
        raise fails

    client = asking(answer)
    fault = fault_of(lambda: client.get("/x"))
    shown = "".join(traceback.format_exception(fault)) + repr(client) + repr(fault.__dict__)
    assert TOKEN not in shown
    assert fault.__cause__ is None


@pytest.mark.parametrize(
    "token", [f"{TOKEN} x", f"{TOKEN}\nx", f"{TOKEN}ü", f"{TOKEN}\x00", f"{TOKEN}\ud800"]
)
def test_what_cannot_be_a_token_is_refused_without_being_shown(token):
    fault = fault_of(lambda: ApiClient(URL, token))
    assert (type(fault), fault.code) == (SpecError, "invalid_token")
    assert TOKEN not in f"{fault.message} {fault.hint}"


def test_white_space_around_a_token_is_none_of_it():
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"sent": request.headers["authorization"]})

    assert asking(answer, f" {TOKEN}\n").get("/x") == {"sent": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "url",
    [
        "phoenix.example",
        "",
        "ftp://phoenix.example",
        "http://",
        "http://ops:s3cret@phoenix.example",
        "http://[::1",
        "http://phoenix.example:99999",
        "http://phoenix.example/?a=s3cret",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url):
    fault = fault_of(lambda: ApiClient(url))
    assert (type(fault), fault.code) == (SpecError, "invalid_url")
    assert "ops:s3cret" not in fault.message


@pytest.mark.parametrize("given", [URL, f"{URL}/", f"{URL}/api/v1", f"{URL}/api/v1/"])
def test_the_url_may_have_the_prefix_or_not(given):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"url": str(request.url)})

    assert ApiClient(given, transport=httpx.MockTransport(answer)).get("/x") == {"url": f"{URL}/api/v1/x"}


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".", "../x", "%2e%2e", "a?b#c", "ü 日", "a\nb", "a\x00b", "...", "\\"]
)
def test_a_name_is_one_part_of_a_path_whatever_is_in_it(name):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"path": request.url.raw_path.decode()})

    path = asking(answer).get(f"/loads/{segment(name)}")["path"]
    assert path.startswith("/api/v1/loads/")
    assert path.count("/") == 4
    assert httpx.URL(f"http://x{path}").path.removeprefix("/api/v1/loads/") == name


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_what_no_path_can_say_is_not_sent(name):
    assert isinstance(fault_of(lambda: segment(name)), SpecError)


def test_any_text_arrives_in_a_body_to_be_judged_there():
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"is_same": json.loads(request.content)["a"] == "\ud800\x00ü"})

    assert asking(answer).post("/x", {"a": "\ud800\x00ü"}) == {"is_same": True}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, timedelta(1)])
def test_what_is_no_json_is_not_sent(value):
    fault = fault_of(lambda: asking(httpx.Response(200, json={})).post("/x", {"a": value}))
    assert (type(fault), fault.code) == (SpecError, "invalid_document")


def test_a_report_is_text():
    assert asking(httpx.Response(200, html="<p>ü</p>")).text("/x") == "<p>ü</p>"
