"""An experiment over three real hosts, by the command that people type."""

from pathlib import Path

import pytest

from tests.support.experiments import Command, write_spec
from tests.vm.conftest import serving

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]


def test_an_experiment_over_three_hosts_promotes_and_leaves_only_what_it_promoted(fleet, tmp_path):
    targets = [host.uri for host in fleet[:3]]
    spec = write_spec(tmp_path, "fleet", targets=targets)
    ended = Command("experiment", "run", "-f", spec, "-o", "json").result()
    Path("/tmp/fleet.json").write_text(ended.out)
    assert ended.code == 0, ended.err
    assert ended.document["verdict"] == "PROMOTE"
    assert ended.document["validity"]["valid"]
    assert [serving(host) for host in fleet] == [{}, {}, {}, {}]
