"""The agent's census of this machine's process table against psutil's."""

import psutil

from benchmarks.pairs import ratio
from phoenix.agent import procfs
from phoenix.agent.table import ProcessTable

FIELDS = ["pid", "name", "cpu_times", "memory_info", "create_time"]


def compare() -> str:
    table = ProcessTable(procfs.root())
    return ratio(
        f"census of {len(psutil.pids())} processes",
        table.read,
        lambda: [process.info for process in psutil.process_iter(FIELDS)],
        "psutil",
    )
