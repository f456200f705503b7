"""`phoenix server` in a process of its own, to be killed."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from phoenix.adapters.bound_processes import start_bound
from phoenix.adapters.control_plane.answering import answers
from tests.support.experiments import PHOENIX
from tests.support.waiting import eventually


class Server:
    """`phoenix server` in a process of its own, on a state folder."""

    def __init__(self, home: Path, database: str = "") -> None:
        self.home = home
        self.port = 0
        self._environment = {**os.environ, "PHOENIX_HOME": str(home), "PHOENIX_DATABASE_URL": database}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(PHOENIX), "server", "--no-sign-in", "--port", str(self.port)]
        log = self.home / "server.log"
        with log.open("wb") as output:
            self.process = start_bound(command, self._environment, output)
        said = eventually(
            lambda: next((line for line in log.read_text().splitlines() if "/api/v1" in line), None),
            what="the server telling its address",
        )
        self.port = int(said.split("/api/v1")[0].rpartition(":")[2])
        eventually(lambda: answers(f"{self.url}/readyz"), what="the server answering")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1/events"

    def memory(self) -> int:
        assert self.process is not None
        return psutil.Process(self.process.pid).memory_info().rss


@contextmanager
def running(home: Path, database: str = "") -> Generator[Server]:
    server = Server(home, database)
    server.start()
    try:
        yield server
    finally:
        server.kill()
