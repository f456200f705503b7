"""What the contracts of the stores share: a clock, and each kind of database, empty."""

from collections.abc import Generator

import pytest
from sqlalchemy import Engine

from phoenix.adapters.store.engine import open_engine
from phoenix.adapters.store.tables import METADATA
from tests.adapters.store import postgresql
from tests.support.clocks import Clock


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
