"""What `vm-config` writes, installed by hand on a real host with systemd: it serves, stays after a reboot, goes back."""

import subprocess

import pytest

from tests.support.experiments import phoenix

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("collector_binary")]

UNIT = "phoenix-pipeline.service"


@pytest.fixture
def host(vm_hosts):
    return vm_hosts.fresh()


@pytest.fixture
def bring(vm_hosts, host, tmp_path, collector_binary):
    """Copies a pipeline's folder and the program to the host, as a person would; returns its folder there."""

    def copied(pipeline: str, *settings: str) -> str:
        folder = tmp_path / pipeline
        written = phoenix("pipeline", "vm-config", pipeline, *settings, "-o", folder)
        assert written.code == 0, written.err
        to = f"root@{host.address}:/root/"
        subprocess.run(
            ["scp", "-q", "-r", "-F", vm_hosts.config, folder, collector_binary, to], check=True, timeout=60
        )
        return f"/root/{pipeline}"

    return copied


def running(host) -> str:
    """The process that the unit runs and the configuration it was given; "" if none."""
    pid = host.run("systemctl", "show", UNIT, "--property=MainPID", "--value").stdout.strip()
    return host.run("sh", "-c", f"tr '\\0' ' ' </proc/{pid}/cmdline").stdout if pid != "0" else ""


def test_a_pipeline_is_installed_by_hand_and_put_back(host, bring):
    first = bring("process-baseline-v1", "--set", "scrape_interval=1s")
    done = host.run("sh", f"{first}/install.sh", "--collector", "/root/otelcol-phoenix")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "otelcol-phoenix" in running(host)
    security = host.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    assert float(security.rpartition(": ")[2].split()[0]) <= 3.0, security

    second = bring("process-topk-v1", "--set", "scrape_interval=1s")
    assert host.run("sh", f"{second}/install.sh").returncode == 0
    after = running(host)
    assert after
    assert "topk" in host.run("cat", "/opt/phoenix/current/collector.yaml").stdout

    host.run("sed", "-i", "s/topk:/no_such_processor:/", f"{second}/collector.yaml")
    refused = host.run("sh", f"{second}/install.sh")
    assert refused.returncode in (2, 3, 4)
    assert running(host) == after

    host.power_off_hard()
    host.boot()
    assert "otelcol-phoenix" in running(host)

    assert host.run("sh", f"{second}/install.sh", "--rollback").returncode == 0
    assert "topk" not in host.run("cat", "/opt/phoenix/current/collector.yaml").stdout
    assert host.run("sh", f"{second}/install.sh", "--uninstall").returncode == 0
    assert running(host) == ""
    assert host.run("sh", "-c", "pgrep otelcol").stdout == ""
