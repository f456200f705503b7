"""How what serves is doing, host by host: health, data flow, cost, and what the ledger knows better."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from phoenix.adapters.ports import Host, RunningCollector
from phoenix.adapters.stores import DeploymentStore, ExperimentStore
from phoenix.domain.deployment import Revision
from phoenix.domain.errors import DependencyError, PhoenixError
from phoenix.domain.metrics import Metric
from phoenix.domain.trees import mapping_at
from phoenix.services.concurrency import AT_ONCE
from phoenix.services.deployments.deploying import look_at
from phoenix.services.deployments.drift import Seen
from phoenix.services.deployments.flow import WINDOW_INTERVALS, Flow, FlowMeter, words_of_given_up
from phoenix.services.deployments.holding import Opener

_EXPERIMENTS = 200
"""The newest ones, among which a deployed version's is looked for."""


class Health(StrEnum):
    """What a person needs to know of a host first."""

    SERVING = "serving"
    """It runs, answers, and data comes out."""
    STARTING = "starting"
    """It has not been running long enough for data."""
    STALLED = "stalled"
    """It runs, and does not answer or nothing comes out."""
    DEAD = "dead"
    """It does not run."""
    UNREACHABLE = "unreachable"
    """The host does not say."""
    NOTHING = "nothing deployed"
    """Nothing is active there."""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How one host is doing; what is not known is None.

    Attributes:
        host: Its canonical target.
        health: In a word.
        reason: Why it is not serving, or what a person should know; "" otherwise.
        name: The deployment's name.
        pipeline: The pipeline's display name.
        version: sha256 of its own part.
        revision: Number of what serves.
        flow: What flows, and what that costs; None where nothing answers.
        reduction: Share of the baseline's series that it saves, by the newest experiment with this very version.
        since: When it last began to serve, UTC.
        drift: See `Seen.drift`.
    """

    host: str
    health: Health
    reason: str = ""
    name: str | None = None
    pipeline: str | None = None
    version: str | None = None
    revision: int | None = None
    flow: Flow | None = None
    reduction: float | None = None
    since: datetime | None = None
    drift: tuple[str, ...] = ()


class Statuses:
    """Reads statuses, again and again for a watch; not for use by two threads at once."""

    def __init__(self, store: DeploymentStore, experiments: ExperimentStore, open_host: Opener) -> None:
        self._store = store
        self._experiments = experiments
        self._open = open_host
        self._hosts: dict[str, Host] = {}
        self._meters: dict[str, tuple[RunningCollector, FlowMeter]] = {}
        self._reductions: dict[str, float | None] = {}

    def read(self, targets: Sequence[str] = ()) -> tuple[HostStatus, ...]:
        """One entry for each target, in their order; for every host that has or gets a pipeline if none is named."""
        recorded = {revision.host: revision for revision in self._store.active()}
        pending = [revision.host for revision in self._store.pending()]
        wanted = tuple(targets) or tuple(dict.fromkeys((*recorded, *pending)))
        if not wanted:
            return ()
        with ThreadPoolExecutor(min(AT_ONCE, len(wanted)), "status") as threads:
            looks = [threads.submit(self._status, target, recorded.get(target)) for target in wanted]
        found = tuple(look.result() for look in looks)
        self._learn(one.version for one in found)
        return tuple(replace(one, reduction=self._reductions.get(one.version or "")) for one in found)

    def _status(self, target: str, recorded: Revision | None) -> HostStatus:
        try:
            host = self._hosts.get(target) or self._open(target)
            self._hosts[target] = host
            seen = look_at(host, self._store, recorded)
            return self._of(host, seen)
        except PhoenixError as fault:
            health = Health.UNREACHABLE if isinstance(fault, DependencyError) else Health.STALLED
            return replace(_by_the_ledger(target, recorded), health=health, reason=fault.message)

    def _of(self, host: Host, seen: Seen) -> HostStatus:
        running, recorded = seen.running, seen.recorded
        if running is None:
            told = _by_the_ledger(host.name, recorded)
            return replace(told, health=Health.NOTHING, since=None, drift=seen.drift)
        facts = HostStatus(
            host=host.name,
            health=Health.SERVING,
            name=recorded.name if recorded else None,
            pipeline=running.pipeline,
            version=running.version,
            revision=seen.number,
            since=recorded.activated_at if recorded and recorded.number == seen.number else None,
            drift=seen.drift,
        )
        if seen.death is not None:
            return replace(facts, health=Health.DEAD, reason=seen.death)
        return _with_flow(facts, self._meter(host, running, seen.config).look())

    def _meter(self, host: Host, running: RunningCollector, config: str | None) -> FlowMeter:
        known = self._meters.get(host.name)
        if known is None or known[0] != running:
            known = running, FlowMeter(host, running, config)
            self._meters[host.name] = known
        return known[1]

    def _learn(self, versions: Iterable[str | None]) -> None:
        """Find the reductions that were not looked for yet."""
        wanted = {version for version in versions if version} - self._reductions.keys()
        self._reductions.update(dict.fromkeys(wanted))
        for record in self._experiments.list(limit=_EXPERIMENTS) if wanted else ():
            version = mapping_at(record.document, "plan", "candidate").get("version")
            if version in wanted and record.result:
                wanted.discard(str(version))
                self._reductions[str(version)] = _reduction(record.result)


def _with_flow(facts: HostStatus, flow: Flow | str) -> HostStatus:
    if isinstance(flow, str):
        return replace(facts, health=Health.STALLED, reason=flow)
    if flow.series:
        return replace(facts, flow=flow, reason=words_of_given_up(flow))
    is_young = flow.uptime is not None and flow.uptime < WINDOW_INTERVALS * flow.interval
    health = Health.STARTING if is_young else Health.STALLED
    return replace(facts, health=health, reason="no point comes out of it", flow=flow)


def _by_the_ledger(target: str, recorded: Revision | None) -> HostStatus:
    if recorded is None:
        return HostStatus(target, Health.NOTHING)
    return HostStatus(
        host=target,
        health=Health.NOTHING,
        name=recorded.name,
        pipeline=recorded.pipeline,
        version=recorded.version,
        revision=recorded.number,
        since=recorded.activated_at,
    )


def _reduction(result: Mapping[str, Any]) -> float | None:
    effect = mapping_at(result, "metrics", Metric.SERIES.value, "effect")
    estimate = effect.get("estimate")
    return float(estimate) if isinstance(estimate, int | float) else None
