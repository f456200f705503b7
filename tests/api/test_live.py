"""The live WebSocket: what a reader sees, from where on, once each, and how the conversation ends."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from phoenix.api.live import hub as hubs
from phoenix.api.live import socket as sockets
from phoenix.domain.access.roles import Role
from phoenix.domain.record import EventKind
from tests.support.api_server import Served
from tests.support.recorded import record_experiment
from tests.support.waiting import eventually


@contextmanager
def reader(served: Served, query: str = "", name: str = "viewer") -> Generator[ClientConnection]:
    with served.program(name, Role.VIEWER) as program:
        headers = {"Authorization": program.headers["authorization"]}
    url = served.url.replace("http", "ws") + "/api/v1/events" + query
    with connect(url, additional_headers=headers, max_size=2**24) as socket:
        assert heard(socket)["type"] == "hello"
        yield socket


def heard(socket: ClientConnection, seconds: float = 30) -> dict[str, Any]:
    return json.loads(socket.recv(seconds))


def hear_to_the_end(socket: ClientConnection) -> None:
    while True:
        socket.recv(30)


def say(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))


def events(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = heard(socket)
        if frame["type"] == "event":
            found.append(frame)
    return found


@pytest.fixture(scope="module")
def experiments(served: Served) -> list[str]:
    return [record_experiment(served.phoenix.store, f"live-{number}").id for number in range(2)]


def write(served: Served, experiment: str, *steps: str) -> None:
    for step in steps:
        served.phoenix.store.append(experiment, EventKind.NOTE, step, {"step": step})


def steps(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["event"]["step"] for frame in frames]


def test_a_reader_of_everything_sees_each_event_once_and_in_order(served: Served, experiments: list[str]):
    with reader(served) as socket:
        say(socket, type="subscribe")
        assert heard(socket)["type"] == "subscribed"
        for turn in range(20):
            write(served, experiments[turn % 2], f"step-{turn}")
        found = events(socket, 20)
    assert steps(found) == [f"step-{turn}" for turn in range(20)]
    cursors = [frame["cursor"] for frame in found]
    assert cursors == sorted(set(cursors))


def test_a_reader_of_one_experiment_sees_only_that_and_can_change_his_mind(
    served: Served, experiments: list[str]
):
    first, second = experiments
    with reader(served) as socket:
        say(socket, type="subscribe", experiments=[second])
        assert heard(socket)["experiments"] == [second]
        write(served, first, "not-this")
        write(served, second, "this")
        assert steps(events(socket, 1)) == ["this"]
        say(socket, type="unsubscribe")
        assert heard(socket)["type"] == "unsubscribed"
        write(served, second, "not-now")
        say(socket, type="subscribe", experiments=[first])
        assert heard(socket)["type"] == "subscribed"
        write(served, first, "now")
        assert steps(events(socket, 1)) == ["now"]


def test_who_comes_back_with_his_cursor_misses_nothing_and_sees_nothing_twice(
    served: Served, experiments: list[str]
):
    seen: list[int] = []
    cursor = served.phoenix.store.newest_event()
    written: list[int] = []
    is_over = threading.Event()

    def keep_writing() -> None:
        for turn in range(90):
            written.append(
                served.phoenix.store.append(experiments[turn % 2], EventKind.NOTE, f"back-{turn}", {})
            )
        is_over.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    while not is_over.is_set() or seen[-1:] != written[-1:]:
        with reader(served, f"?after={cursor}") as socket:
            for frame in events(socket, min(17, 90 - len(seen))):
                seen.append(frame["cursor"])
                cursor = frame["cursor"]
    writer.join()
    assert seen == written


def test_a_cursor_from_long_ago_is_served_from_the_store(
    served: Served, experiments: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hubs, "BATCH", 7)
    store = served.phoenix.store
    before = store.newest_event()
    write(served, experiments[0], *(f"old-{turn}" for turn in range(30)))
    with reader(served, f"?after={before}") as socket:
        assert steps(events(socket, 30)) == [f"old-{turn}" for turn in range(30)]


@pytest.mark.parametrize(
    "text", ["no json", "{}", '{"type":"subscribe","after":-1}', '{"type":"subscribe","x":1}', "[]", "\x00"]
)
def test_what_nobody_understands_is_answered_and_at_last_ends_it(served: Served, text: str):
    with reader(served) as socket:
        for _ in range(3):
            socket.send(text)
            assert heard(socket)["code"] == "invalid_message"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == sockets.NOT_UNDERSTOOD


def test_a_ping_is_answered_with_a_sign_of_life(served: Served):
    with reader(served) as socket:
        say(socket, type="ping")
        assert heard(socket)["type"] == "heartbeat"


def test_a_revoked_token_ends_the_conversation_at_the_next_heartbeat(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(served.app.pace, "heartbeat_seconds", 0.3)
    with served.browser("operator") as person:
        made = person.post("/api/v1/auth/tokens", json={"name": "live"}).json()
        url = served.url.replace("http", "ws") + "/api/v1/events"
        with connect(url, additional_headers={"Authorization": f"Bearer {made['secret']}"}) as socket:
            assert heard(socket)["type"] == "hello"
            assert heard(socket)["type"] == "heartbeat"
            person.delete(f"/api/v1/auth/tokens/{made['id']}")
            with pytest.raises(ConnectionClosed) as closed:
                hear_to_the_end(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == sockets.SIGN_IN_ENDED


def test_who_does_not_read_is_let_go_with_a_reason_and_costs_no_memory(
    served: Served, experiments: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(served.app.pace, "send_seconds", 1.0)
    before = served.app.hub.readers
    with served.program("viewer", Role.VIEWER) as program:
        headers = {"Authorization": program.headers["authorization"]}
    url = served.url.replace("http", "ws") + "/api/v1/events?after=0"
    with connect(url, additional_headers=headers, max_queue=1, max_size=2**24) as lazy:
        eventually(lambda: served.app.hub.readers > before, seconds=10, what="the lazy reader")
        deadline = time.monotonic() + 60
        while served.app.hub.readers > before:
            served.phoenix.store.append(experiments[0], EventKind.NOTE, "much", {"text": "x" * 200_000})
            assert time.monotonic() < deadline, "a reader who does not read was not let go"
        assert len(served.app.hub._ring) <= hubs.RING
        with pytest.raises(ConnectionClosed):
            hear_to_the_end(lazy)


def test_nobody_looks_at_the_ledger_while_nobody_reads(served: Served):
    eventually(lambda: served.app.hub.readers == 0, seconds=20, what="all readers gone")
    assert served.app.hub._task is None
