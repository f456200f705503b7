"""An experiment over three real hosts, by the command that people type."""

import pytest

from tests.support.experiments import Command, write_spec
from tests.vm.conftest import serving

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "prefect_server")]


def test_an_experiment_over_three_hosts_promotes_and_leaves_only_what_it_promoted(fleet, tmp_path):
    targets = [host.uri for host in fleet[:3]]
    # Six collectors and three censuses share this machine: at 1 s they would be late when it does anything else.
    spec = write_spec(tmp_path, "fleet", targets=targets, scrapeInterval="2s")
    ended = Command("experiment", "run", "-f", spec, "-o", "json").result()
    assert ended.document["validity"] == {"valid": True, "reasons": []}
    assert ended.code == 0, ended.err
    assert ended.document["verdict"] == "PROMOTE"
    assert [serving(host) for host in fleet] == [{}, {}, {}, {}]
