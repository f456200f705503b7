import json

import pytest

pytestmark = pytest.mark.real


@pytest.mark.parametrize("command", ["census", "load"])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"v":2,"type":"tick"}\n', "unsupported_version"),
        (b'{"type":"tick"}\n', "unsupported_version"),
        (b"[]\n", "bad_request"),
        (b"{\n", "bad_request"),
        (b'{"v":1,"type":"dance"}\n', "bad_request"),
    ],
)
def test_what_is_not_understood_is_refused_with_exit_2(agent, command, line, code):
    running = agent(command)
    hello = running.read()
    assert (hello["v"], hello["type"], hello["command"]) == (1, "hello", command)
    running.send_raw(line)
    error = running.read()
    assert (error["type"], error["code"]) == ("error", code)
    assert running.wait() == 2


@pytest.mark.parametrize("arguments", [[], ["dance"], ["strays"], ["strays", "--owner", "a b"]])
def test_wrong_usage_exits_2(agent, arguments):
    running = agent(*arguments)
    assert running.read()["type"] == "error"
    assert running.wait() == 2


@pytest.mark.parametrize("command", ["census", "load"])
def test_end_of_input_and_sigterm_end_cleanly(agent, command):
    closed, told = agent(command), agent(command)
    for running in (closed, told):
        running.expect("hello")
    closed.close_input()
    told.process.terminate()
    assert (closed.wait(), told.wait()) == (0, 0)


def test_a_reader_that_went_away_ends_the_census(census):
    census.process.stdout.close()
    census.send(type="tick", id=1)
    assert census.wait() == 0


def test_requests_may_come_in_pieces(census):
    line = json.dumps({"v": 1, "type": "tick", "id": 5}).encode() + b"\n"
    census.send_raw(line[:9])
    census.send_raw(line[9:] + line)
    assert [census.expect("census")["id"], census.expect("census")["id"]] == [5, 5]
