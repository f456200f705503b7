"""What the tests of deployments share."""

from datetime import timedelta

import pytest

from phoenix.services import handover
from tests.support.fleets import Fleet


@pytest.fixture
def fleet(monkeypatch) -> Fleet:
    """One host in memory; who waits for data flow in vain does so for a fifth of a second."""
    monkeypatch.setattr(handover, "DATA_FLOW_PATIENCE", timedelta(seconds=0.2) - 3 * timedelta(seconds=10))
    return Fleet()
