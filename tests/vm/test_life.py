"""The life of pipelines on real hosts, by the commands that people type and by the hosts' own process tables."""

import json
import time

import pytest

from tests.support.experiments import phoenix
from tests.support.waiting import eventually
from tests.vm.conftest import serving

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

FIVE = (
    "process-baseline-v1",
    "process-priority-v1",
    "process-aggregated-v1",
    "process-topk-v1",
    "process-adaptive-v1",
)

CLEAN_SECONDS = 60.0
"""From `deploy` to data on a host that has nothing of ours."""

AGAIN_SECONDS = 10.0
"""The same where the collector is there."""


def pipeline(verb: str, *arguments: str, code: int = 0):
    done = phoenix("pipeline", verb, *arguments)
    assert done.code == code, done.err
    return done


def deployed(host, name: str) -> float:
    """Deploy `name`; seconds until the command said that data flows."""
    began = time.monotonic()
    pipeline("deploy", name, "--set", "scrape_interval=1s", "--target-host", host.uri)
    return time.monotonic() - began


def states(host) -> dict[int, str]:
    rows = json.loads(pipeline("history", "--target-host", host.uri, "-o", "json").out)
    return {row["revision"]: row["state"] for row in rows}


def status(host) -> dict:
    (row,) = json.loads(pipeline("status", "--target-host", host.uri, "-o", "json").out)
    return row


def test_five_pipelines_one_after_the_other_on_a_clean_host(vm_hosts, home, monkeypatch):
    monkeypatch.setenv("PHOENIX_SSH_CONFIG", str(vm_hosts.config))
    host = vm_hosts.fresh()
    catalog = {row["name"] for row in json.loads(phoenix("pipeline", "list", "-o", "json").out)}
    seconds = [deployed(host, name) for name in sorted(catalog)]
    print("seconds from deploy to data:", [f"{one:.1f}" for one in seconds])
    assert len(catalog) == len(FIVE)
    assert seconds[0] <= CLEAN_SECONDS
    assert max(seconds[1:]) <= AGAIN_SECONDS
    assert list(serving(host).values()) == ["revision-5"]
    assert states(host) == {5: "active", 4: "replaced", 3: "replaced", 2: "replaced", 1: "replaced"}
    listening = host.run("ss", "-Hltn").stdout.split("\n")
    open_to_all = [line for line in listening if line and "127.0.0.1" not in line and ":22 " not in line]
    assert open_to_all == []

    # A power cut: nobody of ours is there when it comes back.
    host.power_off_hard()
    host.boot()
    eventually(lambda: list(serving(host).values()) == ["revision-5"], what="it to serve after a reboot")
    assert status(host)["health"] in ("serving", "starting")

    pipeline("delete", "--target-host", host.uri, "--yes")
    assert serving(host) == {}
    left = host.run("sh", "-c", "ls /etc/systemd/system /run/systemd/system | grep phoenix").stdout
    assert left == ""


def test_drift_is_seen_and_repaired_and_a_rollback_needs_no_secret(fleet, tmp_path, monkeypatch):
    host = fleet[0]
    monkeypatch.setenv("BACKEND_KEY", "s3cr$t \"quoted\" 'x'")
    exporters = '{debug/backend: {}, otlp_http: {endpoint: "http://127.0.0.1:9", headers: {api-key: "${env:BACKEND_KEY}"}}}'
    deployed(host, "process-baseline-v1")
    refused = phoenix(
        "pipeline", "deploy", "process-topk-v1", "--set", "scrape_interval=1s", "--set", f"exporters={exporters}",
        "--target-host", host.uri,
    )  # fmt: skip
    assert refused.code == 4, refused.err
    assert "otlp_http" in refused.err
    assert "s3cr" not in refused.err + refused.out
    assert list(serving(host).values()) == ["revision-1"]

    place = "/var/lib/phoenix/configs"
    host.run("sh", "-c", f"sed -i s/1s/2s/ {place}/*.yaml")
    seen = status(host)
    assert seen["drift"], seen
    shown = pipeline("get-active-config", "--target-host", host.uri)
    assert "2s" in shown.out
    assert "drift" in shown.err or seen["drift"][0] in shown.err
    number = str(seen["revision"])
    pipeline("rollback", "--target-host", host.uri, "--to", number)
    assert status(host)["drift"] == []
    assert len(serving(host)) == 1

    (pid,) = serving(host)
    host.run("systemctl", "stop", f"phoenix-collector-{serving(host)[pid]}.service")
    assert any("run" in word for word in status(host)["drift"]) or status(host)["health"] == "dead"
    pipeline("rollback", "--target-host", host.uri, "--to", str(status(host)["revision"]))
    assert status(host)["health"] in ("serving", "starting")
    pipeline("delete", "--target-host", host.uri, "--yes")
    assert serving(host) == {}


def test_many_hosts_by_their_labels_and_one_that_does_not_answer(fleet):
    for number, host in enumerate(fleet):
        added = phoenix("config", "target", "add", host.name, host.uri, "--label", f"role=web,n={number}")
        assert added.code == 0, added.err
    fleet[3].cut_network()
    done = phoenix(
        "pipeline", "deploy", "process-baseline-v1", "--set", "scrape_interval=1s",
        "--target-host", "role=web", "--on-failure", "skip", "-o", "json",
    )  # fmt: skip
    assert done.code == 4, done.err
    assert fleet[3].uri in done.err
    assert [len(serving(host)) for host in fleet] == [1, 1, 1, 0]
    rows = {row["host"]: row["health"] for row in json.loads(pipeline("status", "-o", "json").out)}
    assert len(rows) >= 3
    fleet[3].restore_network()
    pipeline("deploy", "process-baseline-v1", "--set", "scrape_interval=1s", "--target-host", "role=web")
    assert [len(serving(host)) for host in fleet] == [1, 1, 1, 1]
    pipeline("delete", "--target-host", "role=web", "--yes")
    assert [serving(host) for host in fleet] == [{}, {}, {}, {}]
