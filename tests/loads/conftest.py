"""What the tests of real loads share: a home without leftovers, and somebody else's process."""

from collections.abc import Generator

import pytest

from tests.support.inline import inline
from tests.support.load_processes import Bystander


@pytest.fixture(autouse=True)
def _own_home(home, monkeypatch):
    """What a test that failed left would run on for minutes."""
    monkeypatch.setenv("NO_COLOR", "1")
    yield
    if home.exists():
        assert inline("loadsim", "stop", "--all").code == 0


@pytest.fixture
def bystander(tmp_path) -> Generator[Bystander]:
    """Named as a process of the realistic load."""
    one = Bystander(tmp_path, "nginx")
    yield one
    one.assert_lives()
    one.end()
