"""The load generator against a bare posix_spawn loop, in pairs that alternate; and stress-ng where it is installed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from phoenix.adapters import agent_archive

RATE = 25.0
PAIRS = 5
STANDING = 2000
_IDLE = {"cpu": {"shape": "idle"}}


def generate(seconds: float, pattern: Mapping[str, object], **fields: object) -> list[dict[str, Any]]:
    """Every message of a load that ends by its deadline, `seconds` after its begin."""
    with tempfile.TemporaryDirectory(prefix="phoenix-bench-") as folder:
        archive = agent_archive.write_to(Path(folder))
        start = {"v": 1, "type": "start", "run_dir": f"{folder}/run", "owner": "bench", "seed": 1}
        request = {**start, "deadline_seconds": seconds, "patterns": [{**_IDLE, **pattern}], **fields}
        process = subprocess.Popen(
            [sys.executable, "-IS", str(archive), "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        messages = [json.loads(line) for line in process.stdout]
        process.stdin.close()
        process.wait()
    return messages


def bare(*arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bare_spawn", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def churn(seconds: float, rate: float, lifetime: float) -> dict[str, float]:
    """Rate held, p99 lateness and the generator's CPU over its last status."""
    pattern = {"name": "job", "churn_weight": 1, "lifetime_seconds": [lifetime, lifetime]}
    messages = generate(seconds + 0.2, pattern, churn_per_second=rate)
    ready, *_ = (message for message in messages if message["type"] == "ready")
    last = [message for message in messages if message["type"] == "status"][-1]
    elapsed = last["elapsed_s"] - ready["elapsed_s"]
    return {
        "rate": last["spawned_total"] / elapsed,
        "p99": last["lateness_p99_s"],
        "cores": last["agent_cpu_s"] / last["elapsed_s"],
    }


def stand() -> dict[str, float]:
    pattern = {"name": "svc-{n}", "count": STANDING, "unique_command_line": True}
    (ready,) = (m for m in generate(2.5, pattern) if m["type"] == "ready")
    return {"seconds": ready["elapsed_s"]}


def pairs(
    ours: Callable[[], dict[str, float]], peer: Callable[[], dict[str, float]], count: int = PAIRS
) -> list[tuple[dict[str, float], dict[str, float]]]:
    return [(ours(), peer()) for _ in range(count)]


def compare(seconds: float = 60.0) -> str:
    """One line for each claim, with its limit."""
    paced = pairs(lambda: churn(seconds, RATE, 1.0), lambda: bare("pace", RATE, seconds), 3)
    held = [abs(ours["rate"] / RATE - 1) for ours, _ in paced]
    late = _ratio(paced, "p99")
    extra = [ours["cores"] - theirs["cores"] for ours, theirs in paced]
    stood = pairs(stand, lambda: bare("stand", STANDING))
    ceiling = pairs(lambda: churn(4, 1e5, 0.02), lambda: bare("flat-out", 4))
    return "\n".join(
        [
            f"{RATE:g} spawns/s for {seconds:g} s: rate off by {max(held):.2%} at most (limit 1%)",
            f"  p99 lateness {_words(paced, 'p99', 1e3, 'ms')}; ratio {late} (limit 2)",
            f"  generator {median(extra):.2%} of a core beyond the bare loop (limit 2%)",
            f"{STANDING} idle processes: {_words(stood, 'seconds', 1, 's')}; ratio {_ratio(stood, 'seconds')} (limit 1.5)",
            f"ceiling: {_words(ceiling, 'rate', 1, 'spawns/s')}; ratio {_ratio(ceiling, 'rate')} (limit at least 0.8)",
            _stress_ng(),
        ]
    )


def _ratio(found: list[tuple[dict[str, float], dict[str, float]]], key: str) -> str:
    ratios = sorted(ours[key] / theirs[key] for ours, theirs in found)
    return f"{median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"


def _words(found: list[tuple[dict[str, float], dict[str, float]]], key: str, factor: float, unit: str) -> str:
    ours, theirs = (median(side[key] for side in sides) * factor for sides in zip(*found, strict=True))
    return f"{ours:.4g} {unit}, bare loop {theirs:.4g} {unit}"


def _stress_ng() -> str:
    if not shutil.which("stress-ng"):
        return "stress-ng is not installed: apt-get install stress-ng"
    # It does not start processes as root.
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    command = [
        *user,
        "stress-ng",
        "--spawn",
        "1",
        "--timeout",
        "4s",
        "--metrics-brief",
        "--temp-path",
        tempfile.gettempdir(),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
    found = re.search(r"\] spawn +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+)", done.stdout + done.stderr)
    return (
        "stress-ng --spawn 1, whose children are all called stress-ng: "
        f"{found[1] if found else 'an unknown number of'} spawns/s"
    )


if __name__ == "__main__":
    print(compare(float(sys.argv[1]) if sys.argv[1:] else 60.0))
