"""Reading blocks from a server: what the UI lets pass, and a server that is not there, silent, or none."""

import socket
import time

import pytest

from blocks import LocalTarget, OtlpExporter, SshTarget
from phoenix.adapters.prefect.blocks import PATIENCE_SECONDS, PrefectBlocks
from phoenix.domain.errors import DependencyError, SpecError
from tests.support.saved_blocks import save_unchecked

HIDDEN = "c2VjcmV0"


def at(url: str | None) -> PrefectBlocks:
    return PrefectBlocks(lambda: url, lambda _: {})


def test_without_a_server_it_is_said_what_to_set():
    with pytest.raises(DependencyError) as caught:
        at(None).uri("web-1")
    assert caught.value.code == "no_prefect_server"
    assert "PREFECT_API_URL" in caught.value.hint
    assert "phoenix up" in caught.value.hint


def test_a_server_that_says_nothing_is_given_up_in_seconds():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(DependencyError) as caught:
            at(f"http://127.0.0.1:{silent.getsockname()[1]}/api").target("web-1")
        assert time.monotonic() - began < PATIENCE_SECONDS + 2
    assert caught.value.code == "prefect_unreachable"


def test_nobody_there_is_a_dependency_too():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(DependencyError) as caught:
        at(f"http://127.0.0.1:{port}/api").backend("newrelic")
    assert caught.value.code == "prefect_unreachable"


@pytest.mark.real
def test_another_path_of_a_server_is_no_api(prefect_server):
    with pytest.raises(DependencyError) as caught:
        at(prefect_server + "/nothing").uri("web-1")
    assert caught.value.code == "prefect_refused"
    assert "/api" in caught.value.hint


@pytest.mark.real
@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        (SshTarget, {"uri": "ssh://web;id"}, "names no target"),
        (SshTarget, {"uri": "local"}, "does not belong into a block of the type ssh-target"),
        (SshTarget, {"uri": f"ssh://u:{HIDDEN}@web"}, "a password does not belong"),
        (SshTarget, {}, "names no target"),
        (SshTarget, {"uri": "ssh://web", "private_key": f"x{HIDDEN}"}, "the private key is none"),
        (LocalTarget, {"uri": "ssh://web"}, "does not belong into a block of the type local-target"),
        (OtlpExporter, {"endpoint": "x"}, "the endpoint is no URL"),
        (OtlpExporter, {"endpoint": "https://x.example", "protocol": "udp"}, "none that we know"),
        (OtlpExporter, {"endpoint": "https://x.example", "headers": {"k": f"{HIDDEN}\n"}}, "not one line"),
    ],
)
def test_what_the_server_took_unchecked_is_refused_when_it_is_read(prefect_server, request, kind, data, why):
    name = f"raw-{abs(hash(request.node.name)) % 10**9}"
    save_unchecked(prefect_server, kind, name, data)
    read = at(prefect_server).backend if kind is OtlpExporter else at(prefect_server).target
    with pytest.raises(SpecError) as caught:
        read(name)
    error = caught.value
    assert error.code == "unusable_block"
    assert why in error.message
    assert f"block:{name}" in error.message
    assert HIDDEN not in f"{error.message} {error.hint} {error.details}"
