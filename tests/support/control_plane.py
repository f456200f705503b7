"""A control plane as `phoenix up` runs it, on a state folder of its own, and flow runs of its deployments."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from phoenix.adapters.control_plane import state
from tests.support.experiments import PHOENIX
from tests.support.waiting import eventually

START_SECONDS = 600
"""Patience, not a measure: forty seconds are promised on a quiet machine."""

STOP_SECONDS = 120
"""Flow runs clean their hosts before the worker goes."""

_OF_ANOTHER_SERVER = (
    "PREFECT_API_URL",
    "PREFECT_HOME",
    "PREFECT_PROFILE",
    "PREFECT_API_DATABASE_CONNECTION_URL",
)


class ControlPlane:
    """A control plane in the foreground of a process of its own; ended by `stop` or with its context.

    Args:
        home: The state folder.
        arguments: Further ones for `phoenix up`.
        variables: Further environment.
    """

    def __init__(self, home: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.env = environment_of(home, variables)
        prefect = () if "--port" in arguments else ("--port", "0")
        self._arguments = (*prefect, "--api-port", "0", *arguments)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that holds it up."""
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def api_url(self) -> str:
        """The value for PREFECT_API_URL."""
        url = state.running_api_url(self.home)
        assert url, f"the control plane of {self.home} does not run:\n{self.said()}"
        return url

    def start(self) -> None:
        """Start it and wait until it is ready; what it said is in the failure where it is not."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [PHOENIX, "up", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"phoenix up did not come up:\n{self.said()}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        found = state.running(self.home)
        return found is not None and found.stage is state.Stage.READY

    def stop(self) -> int:
        """End it as SIGTERM does and wait for that; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def said(self) -> str:
        """What it told in words, and the ends of its logs."""
        logs = [self._log, *sorted((self.home / "logs").glob("*.log"))]
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs if log.exists()
        )

    def run_deployment(self, name: str, parameters: Mapping[str, object] | None = None) -> UUID:
        """Start a run of a deployment (`flow/deployment`); returns the flow run's id at once."""
        with self._client() as client:
            deployment = client.read_deployment_by_name(name)
            run = client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters or {}))
            return run.id

    def flow_run(self, run: UUID) -> Any:
        """A flow run as the server has it."""
        with self._client() as client:
            return client.read_flow_run(run)

    @contextmanager
    def recovering(self) -> Generator[None]:
        """The recovery on its schedule meanwhile."""
        self.schedule_recovery(is_on=True)
        try:
            yield
        finally:
            self.schedule_recovery(is_on=False)

    def schedule_recovery(self, *, is_on: bool) -> None:
        """Turn the schedule of the recovery on or off, as a person does in the UI."""
        with self._client() as client:
            deployment = client.read_deployment_by_name("recovery/recovery")
            for schedule in deployment.schedules:
                client.update_deployment_schedule(deployment.id, schedule.id, active=is_on)

    def await_state(self, run: UUID, states: Collection[str], seconds: float = 300) -> Any:
        """Wait until a flow run is in a state of one of these names or types (`Completed`, `PAUSED`, ...).

        Returns:
            The state.
        """
        wanted = {name.upper() for name in states}
        seen: list[str] = []

        def arrived() -> Any:
            now = self.flow_run(run).state
            if now is None:
                return None
            if not seen or seen[-1] != now.name:
                seen.append(now.name)
            if now.name.upper() in wanted or now.type.value in wanted:
                return now
            assert not now.is_final(), f"{run} ended as {now.name}, not as {sorted(wanted)}: {now.message}"
            time.sleep(0.2)
            return None

        return eventually(arrived, seconds=seconds, what=f"flow run {run} in {sorted(wanted)}; it was {seen}")

    @property
    def _log(self) -> Path:
        return self.home / "up.log"

    def _client(self) -> Any:
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(self.api_url)


def environment_of(home: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a person with this state folder who named no Prefect server."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_SERVER}
    folder = Path(sys.executable).parent
    return {**kept, "PATH": f"{folder}:{kept['PATH']}", "PHOENIX_HOME": str(home), **(variables or {})}
