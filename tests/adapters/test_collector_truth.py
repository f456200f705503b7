"""Our processors in the real collector, against the kernel's process table, in a PID namespace of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

INSIDE = Path(__file__).with_name("collector_truth_inside.py")
ISOLATE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def looks(collector_binary, tmp_path_factory):
    if subprocess.run([*ISOLATE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to make a PID namespace")
    folder = tmp_path_factory.mktemp("truth")
    done = subprocess.run(
        [*ISOLATE, sys.executable, INSIDE, collector_binary, folder],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines.pop() == {"exit": 0}
    return lines


def test_topk_keeps_the_busiest_the_largest_and_the_critical(looks):
    assert {"busy0", "busy1", "large0", "large1", "large2", "vital"} <= set(looks[-1]["topk"]["kept"])
    # The collector itself may outrank the third busiest; nobody idle may.
    assert "sleep" not in looks[-1]["topk"]["kept"]


def test_a_sum_by_name_is_the_kernels_total(looks):
    for name in ("busy0", "busy1", "busy2"):
        kernel, ours = looks[-1]["kernel"][name], looks[-1]["aggregate"]["cpu"][name]
        # The last scrape is up to one interval of two seconds, at the process's share, older than the kernel's answer.
        assert kernel - 2.2 * 0.3 <= ours <= kernel * 1.02


def test_no_sum_falls_when_processes_exit(looks):
    for processor, name in (
        ("aggregate", "mortal"),
        ("aggregate", "sleep"),
        ("topk", "(rest)"),
        ("adaptive_filter", "(rest)"),
    ):
        values = [look[processor]["cpu"][name] for look in looks]
        assert values == sorted(values), (processor, name)
    assert looks[-1]["aggregate"]["cpu"]["mortal"] >= 0.98
    assert "mortal" not in looks[-1]["kernel"]


def test_the_budget_holds(looks):
    assert max(look["adaptive_filter"]["series"] for look in looks) <= 120
