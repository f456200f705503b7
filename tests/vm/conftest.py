"""A fleet of real hosts, empty of Phoenix, reached by the name that the OpenSSH configuration gives them."""

from collections.abc import Generator

import psutil
import pytest

from tests.support.vm_hosts import VmHost
from tests.support.vm_pool import VmHosts

NAMES = ("web-1", "web-2", "web-3", "web-4")

STATE = ("active", "configs", "fence", "lease.json", "lock", "places", "revision", "runs", "checks")


@pytest.fixture(scope="module")
def fleet(vm_host_pool: VmHosts, tmp_path_factory: pytest.TempPathFactory) -> Generator[list[VmHost]]:
    """Four hosts, and a control plane of the module's own that knows how to reach them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOENIX_HOME", str(tmp_path_factory.mktemp("fleet") / "home"))
        patch.setenv("PHOENIX_SSH_CONFIG", str(vm_host_pool.config))
        hosts = vm_host_pool.several(*NAMES)
        for host in hosts:
            emptied(host)
        yield hosts
        for host in hosts:
            assert serving(host) == {}, host.name


def emptied(host: VmHost) -> None:
    """As if Phoenix had never changed anything there; what was delivered stays, as it would."""
    host.run(
        "sh",
        "-c",
        "systemctl stop 'phoenix-*'; systemctl reset-failed; "
        "find /etc/systemd/system /run/systemd/system -name 'phoenix-*' -delete",
    )
    host.run("systemctl", "daemon-reload")
    host.run("rm", "-rf", *(f"/var/lib/phoenix/{name}" for name in STATE))


def serving(host: VmHost) -> dict[int, str]:
    """The collectors that run there by the kernel's process table: place by pid, as this machine counts pids."""
    found: dict[int, str] = {}
    for pid in host.pids():
        try:
            process = psutil.Process(pid)
            if process.name() == "otelcol-phoenix":
                found[pid] = process.environ()["PHOENIX_PLACE"]
        except (psutil.Error, KeyError):
            continue  # it has just ended, or is not yet what it will be
    return found


def places(hosts: list[VmHost]) -> list[list[str]]:
    """Where collectors run on each host."""
    return [sorted(serving(host).values()) for host in hosts]
