"""What these tests share: a control plane that is up as long as they run, and beside no test of another folder."""

import pytest

from tests.support.control_plane import ControlPlane


@pytest.fixture(scope="package")
def control_plane(tmp_path_factory):
    """One control plane, as `phoenix up` runs it: server, worker and deployments on one home.

    Its recovery runs beside those tests only that are about it (`ControlPlane.recovering`): every 30 s it would start
    one more process on a machine that already has enough to do.
    """
    with ControlPlane(tmp_path_factory.mktemp("control-plane") / "home") as running:
        running.schedule_recovery(is_on=False)
        yield running
