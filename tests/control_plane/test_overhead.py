"""Orchestration costs a run seconds, not minutes; who waits for a first server is told what for."""

import subprocess

import pytest

from benchmarks.orchestration import measured
from tests.support.experiments import PHOENIX, write_spec
from tests.support.slowness import slowness
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

BOUND_SECONDS = 3.0
"""Of the flow run, without its phases, in proportion to the machine's speed. Its process begins with imports, which other
work on the machine makes longer."""


def test_orchestration_stays_within_its_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))  # restored, whatever the benchmark leaves
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    ((ours, empty),) = measured(tmp_path / "home", pairs=1)
    bound = BOUND_SECONDS * slowness()
    assert ours.flow_run < bound
    assert ours.whole < max(4 * bound, 3 * empty)


def test_a_first_run_without_a_server_says_what_it_waits_for(home, tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    words = tmp_path / "said"
    with words.open("w") as said:
        arguments = ["experiment", "run", "-f", write_spec(tmp_path, targets=["local://first"])]
        command = subprocess.Popen([PHOENIX, *arguments], stdout=said, stderr=said)
        try:
            eventually(
                lambda: "its flow has not begun" in words.read_text(),
                seconds=300,
                what="words about the wait",
            )
            assert "a Prefect server of its own starts first" in words.read_text()
            assert "half a minute" in words.read_text()
            assert "worker" not in words.read_text()
        finally:
            command.terminate()
            command.wait(150)
