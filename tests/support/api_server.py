"""The API of a state folder, served by uvicorn on loopback in a thread of the test."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from phoenix.api.app import Application, create_app
from phoenix.api.options import ServerOptions
from phoenix.composition import Phoenix
from phoenix.domain.access.roles import Role
from phoenix.settings import Settings
from tests.support.cheap_passwords import CountedPasswords
from tests.support.waiting import eventually

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


@dataclass
class Served:
    """A server that answers.

    Attributes:
        url: Without a path.
        phoenix: Its services, in this process.
        app: What it serves.
    """

    url: str
    phoenix: Phoenix
    app: Application

    def client(self, **headers: str) -> httpx.Client:
        """One that is nobody."""
        # Without TLS: to read the certificates of the world takes a client longer than a request.
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=False, trust_env=False)  # noqa: S501 - no TLS here

    def add_user(self, name: str, role: Role) -> None:
        self.phoenix.people.add(name, role, PASSWORD)

    def browser(self, name: str) -> httpx.Client:
        """Signed in as a person, with the token for changes, as a page sends it."""
        with self.client() as door:
            answer = door.post("/api/v1/auth/login", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client = self.client(**{"origin": self.url, "x-csrf-token": answer.json()["csrfToken"]})
            client.cookies.update(door.cookies)
        return client

    def program(self, name: str, role: Role) -> httpx.Client:
        """With a token of that person, which may do at most what `role` may."""
        from datetime import timedelta

        _, secret = self.phoenix.tokens.create(name, f"of {name}", role, timedelta(days=1))
        return self.client(authorization=f"Bearer {secret}")


def phoenix_of(home: Path, **settings: str) -> Phoenix:
    """The services of a state folder, with quick passwords."""
    phoenix = Phoenix(Settings(home=home, **settings), flows_outlive_us=True)  # type: ignore[arg-type]
    phoenix.__dict__["_passwords"] = CountedPasswords()
    return phoenix


@contextmanager
def serving(phoenix: Phoenix, **options: object) -> Generator[Served]:
    """Serve while the context lasts."""
    app = create_app(phoenix, ServerOptions(port=0, **options))  # type: ignore[arg-type]
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), seconds=60, what="the API listening")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(f"http://127.0.0.1:{port}", phoenix, app)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the API did not end"
