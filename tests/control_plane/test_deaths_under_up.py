"""Under `phoenix up` nobody types `phoenix recover`: what died is started again, and what it left is cleaned up."""

import os
import signal
import time
from typing import Any
from uuid import UUID

import pytest

from phoenix.adapters.control_plane.state import PartState, PartStatus, running
from tests.control_plane.test_deaths import LONG, START, Victim, assert_next_run_starts
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

DEPLOYMENT = "experiment/experiment"


class Held:
    """A control plane, asked as the stages of the other deaths are."""

    def __init__(self, control_plane: Any) -> None:
        self.control_plane = control_plane

    def run(self, deployment: str, name: str, spec: dict[str, object]) -> UUID:
        return self.control_plane.run_deployment(deployment, {"name": name, "spec": spec})

    def state(self, run: UUID) -> Any:
        return self.control_plane.flow_run(run).state

    def cancel(self, run: UUID) -> None:
        from prefect.client.orchestration import SyncPrefectClient
        from prefect.states import Cancelling

        with SyncPrefectClient(self.control_plane.api_url) as client:
            client.set_flow_run_state(run, Cancelling())

    def said(self) -> str:
        return self.control_plane.said()

    def part(self, name: str) -> PartStatus:
        found = running(self.control_plane.home)
        assert found is not None
        return next(part for part in found.parts if part.name == name)

    def kill(self, name: str) -> None:
        """A part of it, as hard as it goes, and wait until another process is it."""
        pid = self.part(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self._is_anew(name, pid), seconds=START, what=f"{name} to run again")

    def _is_anew(self, name: str, before: int) -> bool:
        part = self.part(name)
        return part.state is PartState.RUNNING and part.pid not in (None, before)


@pytest.fixture
def held(control_plane, monkeypatch):
    monkeypatch.setenv("PHOENIX_HOME", str(control_plane.home))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with control_plane.recovering():
        yield Held(control_plane)


def _victim(held: Held, name: str) -> Victim:
    held.run(DEPLOYMENT, name, {**LONG, "targets": [f"local://{name}"]})
    return Victim(held, name).await_measuring()  # type: ignore[arg-type]


def test_sigkill_of_a_flow_is_recovered_by_the_schedule(held):
    victim = _victim(held, "up-flow-sigkill")
    victim.kill(signal.SIGKILL)
    victim.assert_cleaned()
    assert (victim.record.phase.value, victim.state) == ("stopped", "Crashed")
    assert_next_run_starts(held, DEPLOYMENT, victim)  # type: ignore[arg-type]


def test_sigkill_of_the_worker(held):
    victim = _victim(held, "up-worker-sigkill")
    victim.killed_at = time.monotonic()
    held.kill("worker-1")
    victim.assert_cleaned()
    assert (victim.record.phase.value, victim.state) == ("stopped", "Cancelled")
    assert "its worker ended" in victim.record.error
    assert_next_run_starts(held, DEPLOYMENT, victim)  # type: ignore[arg-type]


def test_sigkill_of_the_server_costs_a_run_nothing(held):
    victim = _victim(held, "up-server-sigkill")
    held.kill("prefect-server")
    assert not victim.is_over()
    held.cancel(victim.flow_run)
    victim.killed_at = time.monotonic()
    victim.assert_cleaned()
    assert (victim.record.phase.value, victim.state) == ("stopped", "Cancelled")
    assert_next_run_starts(held, DEPLOYMENT, victim)  # type: ignore[arg-type]
