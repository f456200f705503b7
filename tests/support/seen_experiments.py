"""Records and scrapes for the tests of what people see, made from a recorded run on real collectors."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phoenix.domain.decision.comparison import Comparison, as_document, compare
from phoenix.domain.experiment import read_document
from phoenix.domain.metrics import Metric
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import Event, EventKind, ExperimentRecord
from phoenix.domain.samples import ArmSample, ProcessIdentity, Scrape
from phoenix.manifests.collector import OwnPart
from phoenix.manifests.plan import Arm, Plan
from phoenix.manifests.slots import SlotAddition
from phoenix.services.run.context import design_of

TRACES = Path(__file__).parents[1] / "domain" / "traces"
STARTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SPEC = {
    "baseline": {"pipeline": "process-baseline-v1"},
    "candidate": {"pipeline": "process-topk-v1", "parameters": {"k": 20}},
    "targets": ["local"],
    "load": {"profile": "realistic", "processes": 300, "seed": 7},
    "scrapeInterval": "1s",
    "criticalProcesses": ["^nginx$", "^java$"],
    "objective": {"metric": "series", "minimumReduction": 0.5},
    "guardrails": [
        {"metric": "critical_retention", "minimum": 1.0},
        {"metric": "collector_cpu_cores", "maximum": 0.2},
        {"metric": "collector_memory_bytes", "maximum": 104857600},
        {"metric": "cpu_coverage", "minimum": 0.95},
        {"metric": "collector_cpu_cores", "maximumIncrease": 0.2},
    ],
}
FINDING = {
    "severity": "warning",
    "code": "missing_memory_limiter",
    "path": "processors",
    "reason": "no memory_limiter stands first, so a burst of processes can end the collector",
    "fix": "put memory_limiter before every other processor",
}


def document(name: str = "topk-on-web", **changes: object) -> dict[str, object]:
    arms = {
        side: Arm(SPEC[side]["pipeline"], OwnPart({}, digit * 64, ()), SlotAddition())
        for side, digit in (("baseline", "a"), ("candidate", "b"))
    }
    envelope = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": name}}
    spec = {**SPEC, **changes}
    load = None if spec.get("load") is None else {"seed": 7, "patterns": []}
    plan = Plan(**arms, load=load)
    return {"document": {**envelope, "spec": spec}, "plan": plan.as_document()}


def trace_scrapes(name: str = "baseline_topk", count: int = 200) -> list[Scrape]:
    """The first scrapes of a recorded run; what the record lacks (points, coverage) follows from what it has."""
    columns = json.loads((TRACES / f"{name}.json").read_text())
    used = [0.0, 0.0]
    scrapes: list[Scrape] = []
    for number in range(1, count + 1):
        arms = [_arm(columns, number - 1, arm, used) for arm in (0, 1)]
        at = columns["t"][number - 1] - columns["t"][0]
        scrapes.append(Scrape(number, "local", at, STARTED.timestamp() + at, *arms))
    return scrapes


def _arm(columns: Mapping[str, Sequence[float]], index: int, arm: int, used: list[float]) -> ArmSample:
    series, cpu = columns[f"series{arm}"][index], columns[f"cpu{arm}"][index]
    used[arm] += cpu or 0.0
    values = {
        Metric.SERIES: float(series),
        Metric.DATAPOINTS_PER_SECOND: float(series),
        Metric.COLLECTOR_MEMORY_BYTES: float(columns[f"rss{arm}"][index]),
        Metric.CPU_COVERAGE: 0.985 + 0.002 * (index % 5) - 0.004 * arm,
    }
    if cpu is not None:
        values[Metric.COLLECTOR_CPU_CORES] = cpu
    return ArmSample(values, columns[f"crit{arm}"][index], (), used[arm], 2576.0 * index, 0.5, 0)


def losing(scrapes: Sequence[Scrape], name: str = "nginx", since: int = 30) -> list[Scrape]:
    """The same scrapes, but the candidate stops exporting a critical process."""
    lost = (ProcessIdentity(name, 4711),)
    return [
        replace(s, candidate=replace(s.candidate, missed=lost)) if s.number >= since and s.candidate else s
        for s in scrapes
    ]


def compared(scrapes: Sequence[Scrape], content: Mapping[str, object]) -> Comparison:
    read = read_document(content["document"])
    return compare(scrapes, design_of(read, Plan.from_document(content["plan"]), ("local",)))


def record(
    scrapes: Sequence[Scrape] = (),
    phase: Phase = Phase.COMPLETED,
    outcome: Outcome = Outcome.REPORTED,
    **changes: object,
) -> ExperimentRecord:
    content = changes.pop("document", None) or document()
    result = as_document(compared(scrapes, content)) if scrapes else None
    seconds = scrapes[-1].at_seconds + 20 if scrapes else 12
    kept = ExperimentRecord(
        id="exp-k3v9x2ab",
        name="topk-on-web",
        document=content,
        phase=phase,
        outcome=outcome,
        created_at=STARTED,
        result=result,
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=seconds) if phase.is_over else None,
    )
    return replace(kept, **changes)


def history(*phases: Phase) -> list[Event]:
    """The ledger of a run that entered these phases, some seconds apart."""
    moments = enumerate(phases, start=1)
    return [
        Event(n, "exp-k3v9x2ab", EventKind.PHASE, p.value, {}, STARTED + timedelta(seconds=4 * n))
        for n, p in moments
    ]


WHOLE_RUN = (
    Phase.VALIDATING,
    Phase.DEPLOYING,
    Phase.STARTING_LOAD,
    Phase.WARMING_UP,
    Phase.MEASURING,
    Phase.COMPARING,
    Phase.CLEANING_UP,
    Phase.COMPLETED,
)
