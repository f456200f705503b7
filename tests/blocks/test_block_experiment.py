"""An experiment on a host whose only key is in a block, exporting to a backend that is in a block: by real parts.

While it runs and afterwards everything that could keep a secret is searched for it.
"""

import time

import pytest

from blocks import OtlpExporter, SshTarget
from phoenix.composition import compose
from tests.blocks.conftest import files_holding, processes_holding
from tests.support.backend import receiver
from tests.support.experiments import Command, newest, phoenix, write_spec
from tests.support.saved_blocks import delete, save
from tests.vm.conftest import emptied, serving

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]


@pytest.fixture
def host(vm_host_pool, home, tmp_path, monkeypatch, prefect_server):
    """A real host that nobody on this machine has a key for or knows, but the block `vm-web`."""
    host = vm_host_pool.shared("web-1")
    emptied(host)
    nobody = tmp_path / "known_hosts"
    nobody.write_text("")
    config = vm_host_pool.configuration("stranger", identity=vm_host_pool.other_identity, known_hosts=nobody)
    monkeypatch.setenv("PHOENIX_SSH_CONFIG", str(config))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    block = SshTarget(
        uri=host.uri,
        private_key=vm_host_pool.identity.read_text(),
        known_hosts=f"{host.address} {' '.join(host.host_key.split()[:2])}",
    )
    save(prefect_server, "vm-web", block)
    yield host
    save(prefect_server, "vm-web", block)
    done = phoenix("pipeline", "delete", "--target-host", "block:vm-web", "--yes")
    assert done.code == 0, done.err
    assert serving(host) == {}


def test_a_key_and_a_credential_that_only_blocks_have_reach_only_who_needs_them(
    host, home, tmp_path, vm_host_pool, prefect_server, header_value
):
    refused = phoenix("pipeline", "status", "--target-host", host.uri)
    assert "is not known" in refused.err
    key = [line.encode() for line in vm_host_pool.identity.read_text().splitlines()[1:-1]]
    gateway = host.address.rpartition(".")[0] + ".1"
    with receiver(gateway) as (address, seen):
        save(
            prefect_server,
            "vm-backend",
            OtlpExporter(endpoint=address, headers={"api-key": header_value}, compression="none"),
        )
        candidate = {
            "pipeline": "process-topk-v1",
            "parameters": {"k": 4, "exporters": "block:vm-backend"},
        }
        spec = write_spec(
            tmp_path,
            targets=["block:vm-web"],
            candidate=candidate,
            onPromote="auto",
            load=None,
            objective={"metric": "series", "minimumReduction": 0.1},
            criticalProcesses=["^systemd$"],
        )
        running = Command("experiment", "run", "-f", spec, "-o", "json")
        shown: dict[int, str] = {}
        while running.process.poll() is None:
            shown |= processes_holding(key)
            carrying = processes_holding([header_value.encode()])
            assert all("otelcol-phoenix" in line or not line for line in carrying.values()), carrying
            time.sleep(0.2)
        ended = running.result()
        assert ended.code == 0, ended.err + ended.out
        assert shown == {}
        _, headers, size = seen.get(timeout=60)
    assert (headers["Api-Key"], size > 0) == (header_value, True)
    record = newest()
    assert ended.document["targets"] == [host.uri]
    assert len(serving(host)) == 1
    needles = [*key, header_value.encode()]
    assert files_holding(home, needles) == []
    told = ended.out + ended.err + str(compose().store.events(record.id)) + repr(record)
    assert not any(needle.decode() in told for needle in needles)
    on_host = host.run("grep", "-rlF", "--", header_value, "/var/lib/phoenix", "/etc/systemd", "/run/systemd")
    assert all(path.endswith("/environment") for path in on_host.stdout.split()), on_host.stdout
    modes = host.run("stat", "-c", "%a", *on_host.stdout.split()).stdout.split()
    assert set(modes) == {"600"}
    assert host.run("grep", "-rlF", "--", key[1].decode(), "/var/lib/phoenix", "/tmp").stdout == ""

    # Another process, by the host's own URI: it asks the block that named the host.
    status = phoenix("pipeline", "status", "--target-host", host.uri, "-o", "json")
    assert status.code == 0, status.err

    # Without the block the own configuration is tried, and both are said.
    delete(prefect_server, SshTarget, "vm-web")
    lost = phoenix("pipeline", "rollback", "--target-host", host.uri)
    assert lost.code == 4, lost.err
    assert "block:vm-web, which could not be read: No ssh-target or local-target" in lost.err
