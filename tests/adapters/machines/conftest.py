"""Two SSH servers for the tests of one module, and a client that knows the first."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.domain.targets import SshTarget
from tests.support.sshd import Client, Sshd, needs_openssh

Serve = Callable[..., Sshd]
Connect = Callable[..., SshConnection]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sshd]:
    """A server with the defaults of OpenSSH."""
    needs_openssh()
    server = Sshd(tmp_path_factory.mktemp("sshd")).start()
    yield server
    server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Generator[Serve]:
    """Starts further servers, each for this test only."""
    needs_openssh()
    servers: list[Sshd] = []

    def start(name: str, *options: str, kind: str = "ed25519", **environ: str) -> Sshd:
        servers.append(Sshd(tmp_path / name, options, kind, environ).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client(tmp_path: Path, sshd: Sshd) -> Client:
    """A client that knows `sshd` as `web`."""
    return Client(tmp_path / "client").knows(sshd.known()).configure("web", sshd)


@pytest.fixture
def connect(client: Client, caplog: pytest.LogCaptureFixture) -> Generator[Connect]:
    """Connections by the client's configuration, closed after the test; their loop had nothing to complain about."""
    made: list[SshConnection] = []

    def to(host: str = "web", **options: object) -> SshConnection:
        target = host if isinstance(host, SshTarget) else SshTarget(host)
        made.append(SshConnection(target, client.config, **options))
        return made[-1]

    yield to
    for connection in made:
        connection.close()
    assert not [one for one in caplog.get_records("call") if one.name.startswith("async")]
