"""A pipeline that exports to a backend of a block: deployed, rolled back without the block, and revived without it."""

import signal
from pathlib import Path

import psutil
import pytest

from blocks import OtlpExporter
from phoenix.composition import compose
from tests.blocks.conftest import files_holding
from tests.support.backend import receiver
from tests.support.experiments import phoenix
from tests.support.saved_blocks import delete, save
from tests.support.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary", "home")]

HOST = ("--target-host", "local")


def deploy(*settings: str, interval: str = "1s"):
    words = [word for setting in (f"scrape_interval={interval}", *settings) for word in ("--set", setting)]
    return phoenix("pipeline", "deploy", "process-baseline-v1", *words, *HOST)


def active_pid() -> int:
    running = compose().hosts.open("local").active()
    assert running is not None
    return running.pid


@pytest.fixture
def backend(prefect_server, monkeypatch, header_value):
    """A real backend, held by the block `lab`; where it stands, and what it is sent."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    with receiver() as (address, seen):
        save(prefect_server, "lab", OtlpExporter(endpoint=address, headers={"api-key": header_value}))
        yield seen
        phoenix("pipeline", "delete", *HOST, "--yes")


def sent(seen) -> str:
    """The credential of a request that arrives from now on."""
    while not seen.empty():
        seen.get()
    path, headers, _ = seen.get(timeout=60)
    assert path == "/v1/metrics"
    return headers["Api-Key"]


def test_the_credential_reaches_the_backend_and_the_host_keeps_it_for_going_back(
    backend, prefect_server, header_value, home
):
    done = deploy("exporters=block:lab")
    assert done.code == 0, done.err
    assert sent(backend) == header_value
    (revision,) = compose().deployment_store.history("local")
    assert revision.variables == ("BLOCK_LAB__API_KEY",)
    assert header_value not in f"{revision} {done.out} {done.err}"
    (kept,) = files_holding(home, [header_value.encode()])
    assert Path(kept).name == "environment"
    assert Path(kept).stat().st_mode & 0o777 == 0o600

    assert deploy().code == 0
    delete(prefect_server, OtlpExporter, "lab")
    refused = deploy("exporters=block:lab")
    assert refused.code == 2
    assert "No otlp-exporter on the Prefect server is called lab." in refused.err
    back = phoenix("pipeline", "rollback", *HOST)
    assert back.code == 0, back.err
    assert sent(backend) == header_value

    psutil.Process(active_pid()).send_signal(signal.SIGKILL)
    eventually(lambda: compose().hosts.open("local").exit_reason(_place()), what="its end to be seen")
    recovered = phoenix("recover")
    assert recovered.code == 0, recovered.err
    assert sent(backend) == header_value


def _place() -> str:
    running = compose().hosts.open("local").active()
    return running.place if running else ""


@pytest.mark.usefixtures("backend")
def test_a_key_that_was_changed_in_the_block_is_taken_by_the_next_start(prefect_server, header_value):
    with receiver() as (address, seen):
        save(
            prefect_server, "lab", OtlpExporter(endpoint=address, headers={"api-key": "old-" + header_value})
        )
        assert deploy("exporters=block:lab").code == 0
        assert sent(seen) == "old-" + header_value
        save(
            prefect_server, "lab", OtlpExporter(endpoint=address, headers={"api-key": "new-" + header_value})
        )
        assert deploy("exporters=block:lab", interval="2s").code == 0
        assert eventually(lambda: sent(seen).startswith("new-"), what="the new key")
