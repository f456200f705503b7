"""Every operation by both doors, in-process and over HTTP, on one state folder with hosts in memory."""

import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phoenix.adapters.api_client.client import ApiClient
from phoenix.adapters.api_client.deployments import RemoteDeployments
from phoenix.adapters.api_client.experiments import RemoteExperiments
from phoenix.adapters.api_client.loads import RemoteLoads
from phoenix.adapters.api_client.pipelines import RemotePipelines
from phoenix.adapters.api_client.recovery import RemoteRecovery
from phoenix.adapters.api_client.targets import RemoteTargets
from phoenix.adapters.operations import (
    DeploymentOperations,
    Document,
    ExperimentOperations,
    LoadOperations,
    PipelineOperations,
    RecoveryOperations,
    TargetOperations,
)
from phoenix.adapters.ports import RunningCollector
from phoenix.composition import Phoenix
from phoenix.domain.load.run import LoadRun, LoadState
from phoenix.domain.phases import Outcome, Phase
from phoenix.domain.record import ExperimentRecord
from phoenix.domain.samples import Scrape
from phoenix.domain.targets import parse_host
from phoenix.services.loads.recovery import LoadRecovery
from phoenix.services.loads.verbs import Loads
from tests.fakes.host import FakeHost
from tests.support.api_server import phoenix_of, serving
from tests.support.fleets import answer, silence
from tests.support.load_fleets import FakeKeepers
from tests.support.seen_experiments import SPEC, document, record

SILENT = "ssh://silent.example"
"""A host that does not answer."""

REFUSED = "no_such_receiver"
"""What the collector of these tests refuses in a configuration."""


CONFIG = """
receivers: {host_metrics: {collection_interval: 5s, scrapers: {process: {mute_process_all_errors: true}}}}
processors: {memory_limiter: {check_interval: 1s, limit_mib: 256}, batch: {}}
exporters: {debug: {}}
service: {pipelines: {metrics: {receivers: [host_metrics], processors: [memory_limiter, batch], exporters: [debug]}}}
"""


def experiment(name: str, **spec: object) -> Document:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {**SPEC, **spec},
    }


@dataclass(frozen=True, slots=True)
class Doors:
    """All operations by one door."""

    experiments: ExperimentOperations
    pipelines: PipelineOperations
    deployments: DeploymentOperations
    loads: LoadOperations
    targets: TargetOperations
    recovery: RecoveryOperations


@dataclass
class World:
    """One installation.

    Attributes:
        phoenix: Its services.
        hosts: Its hosts.
        flows: What was started of experiments.
        keepers: What was started of load runs.
        inside: In-process.
        outside: Over HTTP.
    """

    phoenix: Phoenix
    hosts: "Hosts"
    flows: "Flows"
    keepers: FakeKeepers
    inside: Doors
    outside: Doors

    def keep(
        self,
        name: str,
        phase: Phase = Phase.COMPLETED,
        outcome: Outcome = Outcome.REPORTED,
        scrapes: Sequence[Scrape] = (),
        **changes: object,
    ) -> ExperimentRecord:
        """An experiment, as a run left it; without a verdict where there are no scrapes."""
        targets = changes.pop("targets", ["local://of-experiments"])
        made = record(scrapes, phase, outcome, document=document(name, targets=targets), **changes)
        kept = replace(made, id=f"exp-{secrets.token_hex(4)}", name=name)
        self.phoenix.store.create(kept)
        self.phoenix.store.add_scrapes(kept.id, scrapes)
        return self.phoenix.store.get(kept.id)

    def keep_load(self, name: str, *targets: str, **changes: object) -> LoadRun:
        """A load run that nobody keeps any more."""
        now = datetime.now(UTC)
        run = LoadRun(
            id=f"load-{secrets.token_hex(4)}",
            name=name,
            experiment="",
            profile="realistic",
            targets=targets or ("local://of-loads",),
            request={"seed": 1, "patterns": [{"name": "svc", "count": 3}]},
            state=LoadState.RUNNING,
            created_at=now,
            deadline=now + timedelta(minutes=10),
        )
        self.phoenix.load_store.create(replace(run, **changes))
        return self.phoenix.load_store.get(run.id)


class Hosts:
    """A `HostDirectory` of hosts in memory, each made when it is first asked for."""

    def __init__(self) -> None:
        self.fakes: dict[str, FakeHost] = {}

    def check(self, target: str) -> None:
        parse_host(target)

    def open(self, target: str) -> FakeHost:
        if target == SILENT:
            raise silence()
        if target not in self.fakes:
            self.fakes[target] = FakeHost(target)
            self.fakes[target].answers = _answer
        return self.fakes[target]


def _answer(running: RunningCollector, kind: str) -> bytes:
    """What a working collector says, one with a debug exporter too."""
    debug = b'otelcol_exporter_sent_metric_points{exporter="debug"} 30\n' if kind == "telemetry" else b""
    return answer(running, kind) + debug


class Flows:
    """A `FlowRunner` that remembers what it was to start."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, str]] = []

    def start(self, flow: str, experiment: str, reason: str = "") -> None:
        self.started.append((flow, experiment, reason))

    def withdraw(self, experiment: str) -> None:
        self.started.append(("withdrawn", experiment, ""))


class Collector:
    """A `ConfigValidator` that refuses what has `REFUSED` in it."""

    def validate(self, config: str, environ: Mapping[str, str]) -> str | None:  # noqa: ARG002
        return f"unknown type: {REFUSED}" if REFUSED in config else None


@contextmanager
def both_doors(home: Path) -> Generator[World]:
    """An installation in `home`, served while the context lasts."""
    phoenix = phoenix_of(home)
    hosts, flows, keepers = Hosts(), Flows(), FakeKeepers()
    phoenix.__dict__.update(hosts=hosts, flows=flows, validator=Collector())
    recovery: LoadRecovery = phoenix.load_recovery
    phoenix.__dict__["loads"] = Loads(
        phoenix.load_store, phoenix.store, keepers, recovery, recovery.this_process
    )
    with serving(phoenix, needs_sign_in=False) as served, ApiClient(served.url) as client:
        yield World(phoenix, hosts, flows, keepers, inside(phoenix), over(client))
        keepers.code = 0


def inside(phoenix: Phoenix) -> Doors:
    """In-process, as who asks a server without sign-in."""
    return Doors(
        phoenix.experiment_operations("local"),
        phoenix.pipeline_operations(),
        phoenix.deployment_operations("local"),
        phoenix.load_operations(),
        phoenix.target_operations(),
        phoenix.recovery_operations(),
    )


def over(client: ApiClient) -> Doors:
    """By a client."""
    return Doors(
        RemoteExperiments(client),
        RemotePipelines(client),
        RemoteDeployments(client),
        RemoteLoads(client),
        RemoteTargets(client),
        RemoteRecovery(client),
    )
