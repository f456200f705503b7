"""What these tests share: a control plane that is up as long as they run, and beside no test of another folder."""

import pytest

from tests.support.control_plane import ControlPlane


@pytest.fixture(scope="package")
def control_plane(tmp_path_factory):
    """One control plane, as `phoenix up` runs it: server, worker and deployments on one home."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane") / "home") as running:
        yield running
