"""A Prefect server on loopback: for the length of one flow, or for a control plane that stays up."""

import json
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from phoenix.adapters.bound_processes import start_bound
from phoenix.adapters.control_plane.answering import DIRECTLY
from phoenix.adapters.free_ports import LOOPBACK, free_ports
from phoenix.domain.errors import DependencyError

START_PATIENCE_SECONDS = 120
"""A first start makes the server's database: 24 s were measured on a loaded 2-core machine."""

_OF_ANOTHER_SERVER = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE", "PREFECT_UI_URL")

_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 - the name of a variable

_LEASES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"

_FOR_ONE_FLOW = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    # Nothing is scheduled on a server that lives as long as one flow: these only cost CPU beside the measurement.
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
}


@contextmanager
def owned_server() -> Generator[str]:
    """Start a server for one flow and yield its API URL; it is gone with this process however it dies.

    Raises:
        DependencyError: If it does not answer in time, with the end of its output.
    """
    (port,) = free_ports(1)
    environment = {**os.environ, **_FOR_ONE_FLOW}
    environment.pop("PREFECT_API_URL", None)
    process = start_bound(server_command(port), environment)
    try:
        _await_health(process, api_url(port))
        yield api_url(port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def api_url(port: int) -> str:
    """The value for PREFECT_API_URL of a server of this machine."""
    return f"http://{LOOPBACK}:{port}/api"


def server_command(port: int) -> tuple[str, ...]:
    """A server in one process: `prefect server start` would be two, of which the kernel ends one with us."""
    application = ("--factory", "prefect.server.api.server:create_app")
    address = ("--host", LOOPBACK, "--port", str(port))
    # One process, whatever WEB_CONCURRENCY says: children of it would outlive whoever holds it.
    how = ("--workers", "1", "--log-level", "error", "--lifespan", "on")
    return (sys.executable, "-P", "-m", "uvicorn", *application, *address, *how)


def staying_environment(environ: Mapping[str, str], folder: Path, port: int) -> dict[str, str]:
    """The environment of a server that people look at.

    Args:
        environ: Ours; what in it belongs to another server is left out.
        folder: The Prefect home, with its database unless `environ` names another.
        port: Where it listens.
    """
    return {
        # Who holds a host's turn is remembered when the server dies; several servers need another storage.
        _LEASES: "prefect.server.concurrency.lease_storage.filesystem",
        **without_another_server(environ),
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        # Its pages ask where they come from, so that they also work through a tunnel.
        "PREFECT_UI_API_URL": "/api",
        # Not into the installed package, which need not be ours to write.
        "PREFECT_UI_STATIC_DIRECTORY": str(folder / "ui"),
        # It asks for no password: pages of others, open in the same browser, must not use it.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{port},http://localhost:{port}",
    }


def without_another_server(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what leads Prefect's clients to a server."""
    return {name: value for name, value in environ.items() if name not in _OF_ANOTHER_SERVER}


def of_own_server(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a client of a server that we started: what is for others is left out.

    Its password, if it has one, is known; a proxy, if one is named, is not asked for this machine.
    """
    known = {"PREFECT_API_AUTH_STRING": password} if (password := environ.get(_PASSWORD)) else {}
    spared = ",".join(
        filter(None, (environ.get("no_proxy") or environ.get("NO_PROXY"), LOOPBACK, "localhost"))
    )
    return {**without_another_server(environ), **known, "NO_PROXY": spared, "no_proxy": spared}


def is_healthy(url: str) -> bool:
    """Whether the server at this API URL of this machine answers."""
    try:
        with DIRECTLY.open(f"{url}/health", timeout=5) as response:
            return json.load(response) is True
    except (urllib.error.URLError, OSError, HTTPException, ValueError):
        return False


def _await_health(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DependencyError(
                f"The Prefect server ended with code {process.returncode} before it answered."
            )
        if is_healthy(url):
            return
        time.sleep(0.1)
    raise DependencyError(f"The Prefect server did not answer within {START_PATIENCE_SECONDS} s.")
