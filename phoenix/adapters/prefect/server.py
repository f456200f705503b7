"""A Prefect server for one flow: on loopback, owned by this process, gone with it however it dies."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager

from phoenix.adapters.free_ports import free_ports
from phoenix.domain.errors import DependencyError

START_PATIENCE_SECONDS = 120
"""A first start makes the server's database: 24 s were measured on a loaded 2-core machine."""

_PR_SET_PDEATHSIG = 1
_QUIET = {
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
    """Start a server and yield its API URL.

    Raises:
        DependencyError: If it does not answer in time, with the end of its output.
    """
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/api"
    process = _start(port)
    try:
        _await_health(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(port: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **_QUIET}
    environment.pop("PREFECT_API_URL", None)
    arguments = [
        "--factory",
        "prefect.server.api.server:create_app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *arguments, "--log-level", "error", "--lifespan", "on"],
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl, and this process has one thread here
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _await_health(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DependencyError(
                f"The Prefect server ended with code {process.returncode} before it answered."
            )
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise DependencyError(f"The Prefect server did not answer within {START_PATIENCE_SECONDS} s.")
