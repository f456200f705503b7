"""Runs inside a PID namespace: a population, the real collector with our processors, and the kernel's own account.

Prints one JSON object per look at the exporters. Arguments: the binary, a work folder.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PROCESSORS = {
    "topk": "{k: 3, critical: '^vital$$'}",
    "aggregate": "{}",
    "adaptive_filter": "{max_series: 120}",
}
PORTS = {name: 19531 + i for i, name in enumerate(PROCESSORS)}
BURN = (
    "import time, sys\n"
    "while time.process_time() < float(sys.argv[2]):\n"
    "    t = time.process_time()\n"
    "    while time.process_time() - t < 0.05 * float(sys.argv[1]): pass\n"
    "    time.sleep(0.05 * (1 - float(sys.argv[1])))\n"
    "time.sleep(600)"
)
HOLD = "import sys, time; x = bytearray(int(sys.argv[1]) << 20); x[::4096] = b'a' * len(x[::4096]); time.sleep(600)"


def config() -> str:
    exporters = {
        f"prometheus/{name}": {
            "endpoint": f"127.0.0.1:{port}",
            "metric_expiration": "5s",
            "resource_to_telemetry_conversion": {"enabled": True},
        }
        for name, port in PORTS.items()
    }
    pipelines = {
        f"metrics/{name}": {
            "receivers": ["host_metrics"],
            "processors": [name],
            "exporters": [f"prometheus/{name}"],
        }
        for name in PROCESSORS
    }
    service = json.dumps({"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines})
    processors = ", ".join(f"{name}: {value}" for name, value in PROCESSORS.items())
    return (
        "receivers: {host_metrics: {collection_interval: 2s, scrapers: {process: {mute_process_all_errors: true}}}}\n"
        f"processors: {{{processors}}}\nexporters: {json.dumps(exporters)}\nservice: {service}\n"
    )


def spawn(folder: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    program = folder / name
    if not program.exists():
        shutil.copy(os.path.realpath(sys.executable), program)
    return subprocess.Popen([program, "-c", *arguments], env={**os.environ, "PYTHONHOME": sys.base_prefix})


def kernel_cpu() -> dict[str, float]:
    totals: dict[str, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        stat = path.read_text()
        name, fields = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
        totals[name] = totals.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return totals


def look(port: int) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = [
            line for line in answer.read().decode().splitlines() if not line.startswith(("#", "target_info"))
        ]
    kept, cpu = set(), {}
    for line in lines:
        labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
        name = labels.get("process_executable_name", "")
        if "process_pid" in labels:
            kept.add(name)
        elif line.startswith("process_cpu_time_seconds_total"):
            cpu[name] = cpu.get(name, 0) + float(line.split()[-1])
    return {"kept": sorted(kept), "cpu": cpu, "series": len(lines)}


def main() -> None:
    binary, folder = sys.argv[1], Path(sys.argv[2])
    (folder / "collector.yaml").write_text(config())
    for i, share in enumerate(("0.3", "0.2", "0.1")):
        spawn(folder, f"busy{i}", BURN, share, "600")
    for i, size in enumerate(("190", "160", "130")):
        spawn(folder, f"large{i}", HOLD, size)
    spawn(folder, "vital", HOLD, "0")
    mortals = [spawn(folder, "mortal", BURN, "0.5", "0.5") for _ in range(2)]
    for _ in range(100):
        subprocess.Popen(["sleep", "600"])
    collector = subprocess.Popen(
        [binary, f"--config={folder / 'collector.yaml'}"], stderr=(folder / "log").open("w")
    )
    time.sleep(3)
    for step in range(7):
        time.sleep(2)
        if step == 3:
            for mortal in mortals:
                mortal.kill()
                mortal.wait()
        seen = {name: look(port) for name, port in PORTS.items()}
        print(json.dumps({**seen, "kernel": kernel_cpu()}), flush=True)
    collector.terminate()
    print(json.dumps({"exit": collector.wait()}))


main()
