"""Two thousand idle processes: what they cost, and that the real collector sees each by its name."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from phoenix.adapters.machines import process_table
from tests.adapters.hosts.support import CONFIG, LONG, await_that, launch

pytestmark = pytest.mark.real

COUNT = 2000
KIB_EACH = 150
SECOND = timedelta(seconds=10)
PROCESSES = CONFIG.replace("{load: {}}", "{process: {mute_process_all_errors: true}}").replace(
    'prometheus/phoenix: {endpoint: "${env:PHOENIX_METRICS_ADDRESS}"}',
    'prometheus/phoenix: {endpoint: "${env:PHOENIX_METRICS_ADDRESS}", resource_to_telemetry_conversion: {enabled: true}}',
)
MANY = {
    "seed": 1,
    "patterns": [
        {
            "name": "tenant-worker-{n}",
            "count": COUNT,
            "cpu": {"shape": "idle"},
            "unique_command_line": True,
        }
    ],
    "limits": {"processes": 3000, "memory_bytes": 1 << 30, "cpu_cores": 2},
}


def _names(body: bytes) -> set[str]:
    families = text_string_to_metric_families(body.decode())
    samples = (sample for family in families for sample in family.samples)
    return {sample.labels.get("process_executable_name", "") for sample in samples}


def test_the_real_collector_sees_all_of_them_by_name(host):
    wanted = {f"tenant-worker-{number:04d}" for number in range(COUNT)}
    with host.start_load("exp-1", MANY, LONG) as session:
        assert session.status().achieved == COUNT
        running = host.start_collector("baseline", launch(config=PROCESSES), host.acquire("exp-1", LONG))
        await_that(lambda: wanted <= _names(host.fetch(running.metrics_url, SECOND)), "all are exported", 60)
        host.stop_collector("baseline")
    host.release("exp-1")
    assert host.leftovers("exp-1") == ()


def _memory_group(folder: Path) -> Path | None:
    """The control group that accounts for all memory of the load, what the kernel keeps for it included."""
    for row in process_table.rows():
        if row.marks.get("PHOENIX_FOLDER") == str(folder) and row.marks.get("PHOENIX_PLACE") == "load":
            for line in Path(f"/proc/{row.pid}/cgroup").read_text().splitlines():
                _, controllers, path = line.split(":", 2)
                if "phoenix-load-" in path and ("memory" in controllers or not controllers):
                    return Path(f"/sys/fs/cgroup/{controllers}{path}")
    return None


def test_each_costs_little_all_told(host, folder):
    with host.start_load("exp-1", MANY, LONG) as session:
        assert session.status().achieved == COUNT
        group = _memory_group(folder)
        if "memory" not in session.status().capped or group is None:
            pytest.skip("no control group accounts for memory here")
        files = [group / "memory.usage_in_bytes", group / "memory.current"]
        used = next(int(file.read_text()) for file in files if file.exists())
    print(f"{used / COUNT / 1024:.1f} KiB each")
    assert COUNT * 20 * 1024 < used < COUNT * KIB_EACH * 1024, f"{used / COUNT / 1024:.0f} KiB each"
