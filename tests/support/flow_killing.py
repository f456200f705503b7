"""Prefect in parts that can be killed: a server, workers, a process that serves a flow, and flows that run there."""

import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from phoenix.adapters.free_ports import free_ports
from phoenix.adapters.prefect.child_flows import flow_environment
from tests.support.experiments import PHOENIX
from tests.support.waiting import eventually

START_SECONDS = 180
"""Patience, not a measure."""

ENTRYPOINT = "flows.experiment.experiment"


class Part:
    """A process of its own session that can be killed, paused and started again.

    Args:
        command: What runs.
        env: Its environment.
        log: Where it writes.
    """

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self._command, self._env, self.log = command, dict(env), log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As hard as it goes, and only this process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self, seconds: float = 25) -> None:
        """By SIGTERM; harder where it does not listen, as a process that serves does not always."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            self.send(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


class Server(Part):
    """A Prefect server whose database outlives it, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        (self._port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}/api"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(folder),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            # Whoever holds a place of a concurrency limit is remembered when the server was killed.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        }
        serve = ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1"]
        command = [sys.executable, "-m", "uvicorn", *serve, "--port", str(self._port), "--log-level", "error"]
        super().__init__(command, env, folder / "server.log")

    def start(self) -> None:
        super().start()
        eventually(self.answers, seconds=START_SECONDS, what=f"an answer of {self.url}")

    def answers(self) -> bool:
        with suppress(OSError):
            return urllib.request.urlopen(f"{self.url}/health", timeout=2).status == 200  # noqa: S310 - our own
        return False

    @contextmanager
    def locked(self) -> Generator[None]:
        """Nobody writes to its database meanwhile."""
        locker = sqlite3.connect(self.folder / "prefect.db", isolation_level=None, timeout=60)
        locker.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            locker.execute("ROLLBACK")
            locker.close()

    def client(self) -> Any:
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(self.url)


class Stage:
    """A server and what runs flows on it, all with one state folder of Phoenix.

    Args:
        folder: For the server's database and the logs.
        home: The state folder.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.server = Server(folder / "server")
        self.home = home
        self._folder = folder
        self._parts: list[Part] = []
        self._deployments: dict[str, UUID] = {}

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        with ThreadPoolExecutor(8) as threads:
            for _ in threads.map(Part.end, self._parts):
                pass
        # A worker that ends kills its flows; what a failed test left on a host must not outlive it.
        subprocess.run([PHOENIX, "recover"], env=self.env, capture_output=True, check=False)
        self.server.end()

    @property
    def env(self) -> dict[str, str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        named = {"PREFECT_API_URL": self.server.url, "PREFECT_HOME": str(self._folder / "client")}
        return {**flow_environment(self.home), **environ, **named, "PHOENIX_HOME": str(self.home)}

    def worker(self, pool: str) -> Part:
        """A worker of a pool of its own, and a deployment of the experiment there, which goes by the pool's name."""
        self._deploy(pool)
        start = ["worker", "start", "--pool", pool, "--name", f"{pool}-worker", "--type", "process"]
        env = {**self.env, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        return self._started(Part([sys.executable, "-m", "prefect", *start], env, self._log(pool)))

    def served(self, name: str) -> Part:
        """A process that serves the experiment, as a deployment of this name."""
        env = {**self.env, "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
        part = Part([sys.executable, "-m", "tests.support.served", name], env, self._log(name))
        self._started(part)
        with self.server.client() as client:

            def deployment() -> UUID | None:
                from prefect.exceptions import ObjectNotFound

                with suppress(ObjectNotFound):
                    return client.read_deployment_by_name(f"experiment/{name}").id
                return None

            self._deployments[name] = eventually(
                deployment, seconds=START_SECONDS, what=f"{name} to be served"
            )
        return part

    def direct(self, experiment: str, *module: str) -> Part:
        """The flow of a recorded experiment in a process that nobody watches over."""
        command = [sys.executable, "-m", *(module or ("flows.experiment",)), experiment]
        return self._started(Part(command, self.env, self._log(experiment)))

    def run(self, deployment: str, name: str, spec: Mapping[str, object]) -> UUID:
        """Start a run of a deployment; returns the flow run's id at once."""
        with self.server.client() as client:
            parameters = {"name": name, "spec": dict(spec)}
            run = client.create_flow_run_from_deployment(self._deployments[deployment], parameters=parameters)
            return run.id

    def state(self, run: UUID) -> Any:
        """Of a flow run."""
        with self.server.client() as client:
            return client.read_flow_run(run).state

    def states_of(self, run: UUID) -> set[str]:
        """The types of all states that a flow run was ever in."""
        with self.server.client() as client:
            return {state.type.value for state in client.read_flow_run_states(run)}

    def cancel(self, run: UUID) -> None:
        """As the button in the UI does it."""
        from prefect.states import Cancelling

        with self.server.client() as client:
            client.set_flow_run_state(run, Cancelling())

    def said(self) -> str:
        """The ends of all logs."""
        logs = (self.server, *self._parts)
        return "\n".join(f"--- {p.log.name}\n{p.log.read_text(errors='replace')[-2500:]}" for p in logs)

    def _started(self, part: Part) -> Part:
        self._parts.append(part)
        part.start()
        return part

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _deploy(self, pool: str) -> None:
        from prefect.client.schemas.actions import WorkPoolCreate
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
        with self.server.client() as client:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
            flow = client.create_flow_from_name("experiment")
            self._deployments[pool] = client.create_deployment(
                flow, pool, work_pool_name=pool, entrypoint=ENTRYPOINT, pull_steps=[], tags=["phoenix"]
            )


def await_end_of(process: int, seconds: float) -> None:
    """Wait until no process has this pid, or only a zombie that its parent has not looked at."""

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    eventually(is_gone, seconds=seconds, what=f"the end of process {process}")
