"""What Prefect costs a run, less the time of the ledger's phases: the flow run, and the process that carries it out.

The server is warm and there is no worker: a worker's poll (5 s with `phoenix up`) comes on top of it. The peer is a
flow that does nothing, in a process of its own on the same server: what any Prefect flow costs.
"""

import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple
from uuid import UUID

from phoenix.adapters.prefect.child_flows import ChildFlowRunner, flow_environment
from phoenix.adapters.prefect.server import owned_server
from phoenix.composition import Phoenix
from phoenix.domain.experiment import ExperimentSpec
from phoenix.domain.record import EventKind
from phoenix.settings import Settings

PAIRS = 3
SPEC = {
    "baseline": {"pipeline": "process-baseline-v1"},
    "candidate": {"pipeline": "process-topk-v1"},
    "targets": ["local://bench"],
    "scrapeInterval": "1s",
    "warmup": 3,
    "minimumScrapes": 24,
    "maximumDuration": "1m",
    "objective": {"metric": "series", "minimumReduction": 0.1},
}
EMPTY_FLOW = "from prefect import flow\n@flow\ndef empty(): pass\nempty()"


class Overhead(NamedTuple):
    """Of one run, s.

    Attributes:
        before: From the start of the process to the first phase.
        after: From the end of the last phase to the end of the process.
        flow_run: From the start of the flow run to its end, as the server has them, less the phases: what is left of
            the process is Python's start, its imports and its exit.
    """

    before: float
    after: float
    flow_run: float

    @property
    def whole(self) -> float:
        return self.before + self.after


def overhead(phoenix: Phoenix) -> Overhead:
    """Carry out one experiment in a process of its own, on the server of the environment."""
    draft = phoenix.drafts.of("bench", ExperimentSpec.model_validate(SPEC))
    record = phoenix.experiments.create(draft)
    runner = ChildFlowRunner(phoenix.settings.home, phoenix.archive)
    began = time.time()
    process = runner.start("experiment", record.id)
    while process.poll() is None:
        time.sleep(0.01)
    ended = time.time()
    ledger = phoenix.store.events(record.id)
    moments = [e.at.timestamp() for e in ledger if e.kind is EventKind.PHASE]
    if not moments or process.poll() != 0:
        raise SystemExit(f"the experiment did not run: {process.last_words()}")
    phases = sum(after - before for before, after in pairwise(moments))
    (shown,) = [e.data["id"] for e in ledger if e.step == "flow_run"]
    found = Overhead(moments[0] - began, ended - moments[-1], _flow_run_seconds(str(shown)) - phases)
    if abs(found.whole - (ended - began - phases)) > 0.01:  # phases follow each other without a gap
        raise SystemExit("the ledger's phases do not add up")
    return found


def _flow_run_seconds(flow_run: str) -> float:
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(os.environ["PREFECT_API_URL"]) as client:
        shown = client.read_flow_run(UUID(flow_run))
    if shown.start_time is None or shown.end_time is None:
        raise SystemExit("the server has no end of the flow run")
    return (shown.end_time - shown.start_time).total_seconds()


def empty_flow(home: Path) -> float:
    """Seconds that a flow which does nothing takes, from the start of its process to its end."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", EMPTY_FLOW], env=flow_environment(home), check=True, capture_output=True
    )
    return time.monotonic() - began


def measured(home: Path, pairs: int = PAIRS) -> list[tuple[Overhead, float]]:
    """Overheads of an experiment and of an empty flow, in pairs that alternate, after one of each to warm up."""
    prefect_home = home / "prefect"
    prefect_home.mkdir(parents=True)
    os.environ["PREFECT_HOME"] = str(prefect_home)
    with owned_server() as url:
        os.environ["PREFECT_API_URL"] = url
        try:
            phoenix = Phoenix(Settings(home=home))
            overhead(phoenix), empty_flow(home)
            return [(overhead(phoenix), empty_flow(home)) for _ in range(pairs)]
        finally:
            del os.environ["PREFECT_API_URL"], os.environ["PREFECT_HOME"]


def compare() -> str:
    with tempfile.TemporaryDirectory(prefix="phoenix-bench-") as folder:
        found = measured(Path(folder))
    wholes = sorted(ours.whole for ours, _ in found)
    before, after, flow_run = (median(side) for side in zip(*(ours for ours, _ in found), strict=True))
    peers = sorted(peer for _, peer in found)
    ratios = sorted(ours.whole / peer for ours, peer in found)
    return (
        f"orchestration of an experiment, warm server: flow run {flow_run:.2f} s; its process"
        f" {median(wholes):.2f} s [{wholes[0]:.2f}, {wholes[-1]:.2f}]"
        f" ({before:.2f} s before its first phase, {after:.2f} s after its last); an empty Prefect flow"
        f" {median(peers):.2f} s; ratio {median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] over {len(found)} pairs"
    )


if __name__ == "__main__":
    print(compare())
