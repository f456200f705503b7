"""A server with one person of each role."""

from collections.abc import Generator

import pytest

from phoenix.domain.access.roles import Role
from tests.support.api_server import Served, phoenix_of, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(phoenix_of(tmp_path_factory.mktemp("home"))) as server:
        for role in Role:
            server.add_user(role.value, role)
        yield server
