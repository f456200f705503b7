"""The contract of `HostTurns`, over the fake and over a real server."""

import os
import secrets
from uuid import uuid4

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.adapters.prefect.flow_runs import ServerFlowRuns
from phoenix.adapters.prefect.host_turns import PrefectHostTurns
from phoenix.domain.errors import DependencyError
from tests.fakes.flow_runs import FakeFlowRuns, FakeHostTurns


@pytest.fixture(params=["fake", pytest.param("server", marks=pytest.mark.real)])
def server(request):
    """What makes the turns of one more run, the flow runs beside them, and turns of a server that is silent."""
    if request.param == "fake":
        runs = FakeFlowRuns()
        return lambda: FakeHostTurns(runs), runs, FakeHostTurns(FakeFlowRuns(is_silent=True))
    api = PrefectApi(request.getfixturevalue("prefect_server"), os.environ)
    nobody = PrefectApi(f"http://127.0.0.1:{free_ports(1)[0]}/api", os.environ)
    return (
        lambda: PrefectHostTurns(api, str(uuid4())),
        ServerFlowRuns(api),
        PrefectHostTurns(nobody, str(uuid4())),
    )


@pytest.fixture
def hosts():
    """Two that no other test names."""
    return [f"{name}-{secrets.token_hex(4)}" for name in ("web", "db")]


def test_one_run_at_a_time_has_a_host(server, hosts):
    another, _, _ = server
    first, second = another(), another()
    assert first.take(hosts)
    assert not second.take(hosts[:1])
    assert second.turn is None
    first.give_back()
    assert first.turn is None
    assert second.take(hosts[:1])
    second.give_back()


def test_all_hosts_at_once_or_none(server, hosts):
    another, _, _ = server
    first, second, third = another(), another(), another()
    assert first.take(hosts[:1])
    assert not second.take(hosts)
    assert third.take(hosts[1:])
    first.give_back()
    third.give_back()


def test_others_give_back_for_one_that_died(server, hosts):
    another, runs, _ = server
    dead, waiting = another(), another()
    assert dead.take(hosts)
    runs.give_back_turn(dead.turn)
    assert waiting.take(hosts)
    runs.give_back_turn(dead.turn)
    assert not another().take(hosts)
    waiting.give_back()


def test_a_silent_server_is_said(server, hosts):
    _, _, silent = server
    with pytest.raises(DependencyError):
        silent.take(hosts)
    silent.give_back()
