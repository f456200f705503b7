"""The watchers of a run: each asks it to end, once, with who wants it."""

import os
import subprocess
import sys
from threading import Event

import pytest

from flows.driving import cancellation
from flows.driving.cancellation import CANCELLED, watching_cancellation
from flows.driving.parent import FLOW_RUN, PARENT_ENDED
from phoenix.adapters.prefect.child_flows import STARTER_PIPE
from tests.support.waiting import eventually

WATCHED = """
import sys
from threading import Event
from flows.driving.parent import watch_parent

halted = Event()
def halt(reason):
    open(sys.argv[1], "w").write(reason)
    halted.set()

watch_parent(halt)
print("watching", flush=True)
halted.wait(60)
"""

WORKER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], stdout=subprocess.PIPE)
child.stdout.readline()
print("started", flush=True)
child.wait()
"""


class Shown:
    """A flow run whose answers are given: an exception is raised."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)

    def is_cancelled(self) -> bool:
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(cancellation, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(cancellation, "LONGEST_PAUSE_SECONDS", 0.01)


def test_a_cancellation_is_heard_of_after_a_server_was_away_for_long():
    reasons: list[str] = []
    away = [ConnectionError("refused")] * 9
    with watching_cancellation(reasons.append, Shown(False, *away, False, True)):  # type: ignore[arg-type]
        eventually(lambda: reasons, what="the cancellation")
    assert reasons == [CANCELLED]


def test_nobody_looks_when_the_run_is_over():
    reasons: list[str] = []
    shown = Shown()
    with watching_cancellation(reasons.append, shown):  # type: ignore[arg-type]
        pass
    shown.answers = [True] * 3
    Event().wait(0.1)
    assert len(shown.answers) >= 2
    assert not reasons


def _killed_worker(tmp_path, variables: dict[str, str]) -> str:
    told = tmp_path / "told"
    env = {name: value for name, value in os.environ.items() if name not in (FLOW_RUN, STARTER_PIPE)}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, WATCHED, str(told)], stdout=subprocess.PIPE, env=env | variables
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"started\n"
    worker.kill()
    worker.wait()
    worker.stdout.close()
    eventually(told.exists, what="the flow to hear of it")
    return eventually(told.read_text, what="why")


def test_the_death_of_its_worker_halts_a_run(tmp_path):
    assert _killed_worker(tmp_path, {FLOW_RUN: "some-id"}) == PARENT_ENDED


@pytest.mark.parametrize("variables", [{}, {FLOW_RUN: "some-id", STARTER_PIPE: "1"}])
def test_a_run_without_a_worker_watches_no_parent(tmp_path, variables):
    told = tmp_path / "told"
    env = {name: value for name, value in os.environ.items() if name not in (FLOW_RUN, STARTER_PIPE)}
    code = WATCHED.replace("halted.wait(60)", "import threading; print(threading.active_count())")
    done = subprocess.run(
        [sys.executable, "-c", code, str(told)],
        env=env | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["watching", "1"]
