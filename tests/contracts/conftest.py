"""What the contracts share: a clock, each kind of database, empty; this machine behind sshd."""

import sys
from collections.abc import Generator

import pytest
from sqlalchemy import Engine

from phoenix.adapters.machines.local import LocalMachine
from phoenix.adapters.machines.machine import Machine
from phoenix.adapters.machines.ssh import SshMachine
from phoenix.adapters.machines.ssh_connection import SshConnection
from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.tables import METADATA
from phoenix.domain.targets import SshTarget
from tests.adapters.store import postgresql
from tests.support.clocks import Clock
from tests.support.sshd import Client, Sshd, needs_openssh


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgresql_url() -> Generator[str]:
    why = postgresql.why_missing()
    if why is not None:
        pytest.skip(why)
    with postgresql.server() as url:
        yield url


@pytest.fixture(params=["fake", "sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database(request: pytest.FixtureRequest) -> Generator[Engine | None]:
    """None where the fake is held to the contract, else an empty database."""
    if request.param == "fake":
        yield None
        return
    is_sqlite = request.param == "sqlite"
    path = request.getfixturevalue("tmp_path") if is_sqlite else None
    url = f"sqlite:///{path}/state/phoenix.db" if is_sqlite else request.getfixturevalue("postgresql_url")
    engine = open_engine(url)
    if not is_sqlite:
        with engine.begin() as connection:
            for table in reversed(METADATA.sorted_tables):
                connection.execute(table.delete())
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Sshd, Client]]:
    """This machine behind sshd, and a client that knows it."""
    needs_openssh()
    folder = tmp_path_factory.mktemp("sshd")
    server = Sshd(folder / "server").start()
    client = Client(folder / "client").knows(server.known()).configure("this-machine", server)
    yield server, client
    server.stop()


@pytest.fixture
def ssh_machine(sshd: tuple[Sshd, Client]) -> Generator[SshMachine]:
    _, client = sshd
    with SshConnection(SshTarget("this-machine"), client.config) as connection:
        yield SshMachine("ssh://this-machine", connection)


@pytest.fixture(params=["local", "ssh"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """This machine, by itself and behind sshd."""
    return (
        LocalMachine(sys.executable) if request.param == "local" else request.getfixturevalue("ssh_machine")
    )
