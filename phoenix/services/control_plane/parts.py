"""What a control plane consists of. A part is a value; to add one is to write one down."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from phoenix.adapters.control_plane.answering import answers
from phoenix.adapters.control_plane.processes import MARK
from phoenix.adapters.prefect import server
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.names import POOL
from phoenix.domain.errors import DependencyError

SERVER, DEPLOYMENTS, RECOVERY, API = "prefect-server", "deployments", "recovery", "api"

PATIENCE_SECONDS = 300.0
"""For a part to be ready: twenty seconds on a quiet machine; under a load of 77 on 2 cores a first start took over 120."""

RUNS_AT_ONCE = 16
"""Of one worker: experiments on different hosts, and what is scheduled beside them; hosts have limits of their own."""

WORKER_POLLS_SECONDS = "2"
"""By default it asks every 10 s, and a person waits so long for an experiment to begin."""

WORKER_LIVES_SECONDS = "10"
"""How often it says that it lives; a server holds one for lost that was silent three times."""


_PHOENIX = (sys.executable, "-P", "-c", "from phoenix.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Part:
    """A process that belongs to the control plane.

    Attributes:
        name: What status and logs call it.
        doing: What is waited for while it starts, for people.
        command: Program and arguments.
        environment: All of it.
        is_ready: Whether it does its work by now; asked again and again while it starts. None: when it has ended.
        patience: How long it may take to be ready, s.
        url: Where people or programs find it.
        port: Where it listens; None where it does not. Another program that answers there does not make it ready.
        has_flow_runs: It started flow runs, which are to end before it does.
    """

    name: str
    doing: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool] | None
    patience: float
    url: str | None = None
    port: int | None = None
    has_flow_runs: bool = False

    @property
    def stays(self) -> bool:
        """Whether it is to run as long as the control plane does."""
        return self.is_ready is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for.

    Attributes:
        workers: How many.
        port: Of the server; None where none was asked for.
        prefect_url: The API URL of a server that is there; None to start one.
        api_port: Of the Phoenix API; None where none was asked for.
    """

    workers: int = 1
    port: int | None = None
    prefect_url: str | None = None
    api_port: int | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen, on loopback.

    Attributes:
        prefect: The Prefect server, where one is started.
        api: The Phoenix API.
    """

    prefect: int
    api: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A control plane as it is to be started.

    Attributes:
        api_url: The value for PREFECT_API_URL.
        ui_url: Where people look at it.
        parts: In the order in which they start.
        recovery: Runs once at the start, and when a part was started again.
        mark: In the environment of all that it starts.
    """

    api_url: str
    ui_url: str
    parts: tuple[Part, ...]
    recovery: Part
    mark: str

    @property
    def owns_server(self) -> bool:
        """Whether the server is a part of it."""
        return any(part.name == SERVER for part in self.parts)


def layout(home: Path, wanted: Wanted, ports: Ports, mark: str, environ: Mapping[str, str]) -> Layout:
    """The control plane of a state folder.

    Args:
        home: The state folder.
        wanted: What was asked for.
        ports: Where the parts are to listen.
        mark: Tells this control plane's processes from all others.
        environ: Our own environment.
    """
    url = wanted.prefect_url.rstrip("/") if wanted.prefect_url else server.api_url(ports.prefect)
    ours = {**environ, "PHOENIX_HOME": str(home.absolute()), MARK: mark}
    of_clients = client_environment(ours, home, url, owns_server=wanted.prefect_url is None)
    api = PrefectApi(url, of_clients, patience_seconds=5)
    parts = [
        Part(
            DEPLOYMENTS,
            "registering the work pool and the deployments",
            (sys.executable, "-P", "-m", "flows.registration"),
            of_clients,
            is_ready=None,
            patience=PATIENCE_SECONDS,
        ),
        *(_worker(number, of_clients, api) for number in range(1, wanted.workers + 1)),
        _api(ports.api, of_clients),
    ]
    if wanted.prefect_url is None:
        parts.insert(0, _server(home / "prefect", ports.prefect, ours))
    recovery = Part(
        RECOVERY,
        "recovering what was left",
        (*_PHOENIX, "recover"),
        of_clients,
        is_ready=None,
        patience=600,
    )
    return Layout(url, url.removesuffix("/api"), tuple(parts), recovery, mark)


def client_environment(
    environ: Mapping[str, str], home: Path, url: str, *, owns_server: bool
) -> dict[str, str]:
    """The environment of what uses the server: with our own one, nothing of the user's that leads to another."""
    own = {
        **server.of_own_server(environ),
        "PREFECT_HOME": str((home / "prefect").absolute()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    return {
        **(own if owns_server else environ),
        "PREFECT_API_URL": url,
        "PREFECT_LOGGING_EXTRA_LOGGERS": "phoenix",
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_WORKER_QUERY_SECONDS": WORKER_POLLS_SECONDS,
        "PREFECT_WORKER_HEARTBEAT_SECONDS": WORKER_LIVES_SECONDS,
        "PYTHONUNBUFFERED": "1",
    }


def _server(folder: Path, port: int, environ: Mapping[str, str]) -> Part:
    url = server.api_url(port)
    is_first = not (folder / "prefect.db").exists()
    return Part(
        SERVER,
        "starting the Prefect server"
        + (" (a first start makes its database: about 25 s)" if is_first else ""),
        server.server_command(port),
        server.staying_environment(environ, folder.absolute(), port),
        is_ready=lambda: server.is_healthy(url),
        patience=PATIENCE_SECONDS,
        url=url.removesuffix("/api"),
        port=port,
    )


def _worker(number: int, environ: Mapping[str, str], api: PrefectApi) -> Part:
    name = f"phoenix-{socket.gethostname()}-{number}"
    start = (sys.executable, "-P", "-m", "prefect", "worker", "start")
    return Part(
        f"worker-{number}",
        f"starting worker {number}",
        (*start, "--pool", POOL, "--type", "process", "--limit", str(RUNS_AT_ONCE), "--name", name),
        # Its flow runs are started as `python`, and are to be of this very installation.
        {**environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), environ.get("PATH", "")))},
        is_ready=_Heard(api, name),
        patience=PATIENCE_SECONDS,
        has_flow_runs=True,
    )


def _api(port: int, environ: Mapping[str, str]) -> Part:
    url = f"http://127.0.0.1:{port}"
    return Part(
        API,
        "starting the Phoenix API",
        # The link for the first admin is a secret, and this one's words go to a log.
        (*_PHOENIX, "server", "--port", str(port), "--no-admin-link"),
        environ,
        is_ready=lambda: answers(f"{url}/readyz"),
        patience=PATIENCE_SECONDS,
        url=url,
        port=port,
    )


class _Heard:
    """Whether a worker was heard of anew since it was last found ready: one of last time is still in the server's book.

    Asked for the first time before the worker can have said anything: its process has just been started.
    """

    def __init__(self, api: PrefectApi, name: str) -> None:
        self._api = api
        self._name = name
        self._before: str | None = None
        self._is_waiting = False

    def __call__(self) -> bool:
        try:
            now = self._heartbeat()
        except DependencyError:
            return False
        if not self._is_waiting:
            self._before, self._is_waiting = now, True
            return False
        if now is None or now == self._before:
            return False
        self._is_waiting = False
        return True

    def _heartbeat(self) -> str | None:
        answer = self._api.post(f"/work_pools/{POOL}/workers/filter", {"limit": 200})
        entries = [entry for entry in answer.body if entry["name"] == self._name] if answer else []
        return entries[0]["last_heartbeat_time"] if entries else None
