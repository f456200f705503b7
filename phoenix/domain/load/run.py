"""A load run: processes simulated on hosts by themselves, apart from any experiment's own load."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from phoenix.domain.record import Driver


class LoadState(StrEnum):
    """Where a load run stands."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    """Nothing of it is left on any host: that was checked."""


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """What the generator on one host achieves.

    Attributes:
        requested: Standing processes asked for now, by the profile and its ramp.
        achieved: Of those, alive now.
        spawned: Processes started since the beginning.
        active: All that are alive now, the short-lived of the churn included.
        requested_rate: Short-lived processes asked for, 1/s.
        achieved_rate: Short-lived processes started over the last ten seconds, 1/s; None before the first second.
        lateness_p99: 99th percentile of how late a start was, s; None before anything was due.
        cpu_cores: Used by the simulated processes over the last seconds; None before it was measured.
        memory_bytes: Resident memory of the simulated processes; None before it was measured.
        contained_by: What ends them with their generator: `pid namespace` or `parent-death signal`.
        capped: What the kernel itself limits: some of `processes`, `memory`, `cpu`.
        metrics_url: Where the generator serves its figures on that host; "" where nobody asked for it.
        error: Why the generator ended early; "" while it runs or after a proper stop.
    """

    requested: int
    achieved: int
    spawned: int
    active: int = 0
    requested_rate: float = 0.0
    achieved_rate: float | None = None
    lateness_p99: float | None = None
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    contained_by: str = ""
    capped: tuple[str, ...] = ()
    metrics_url: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One load run as the store keeps it.

    Attributes:
        id: `load-` and eight letters or digits; owner mark of its processes.
        name: The name people use; the newest run of that name answers to it.
        experiment: Id of the experiment whose hosts it loads and with which it ends; "" for none.
        profile: Name of the load profile.
        targets: Canonical targets, at least one.
        request: What each host's generator was asked for (`LoadPlan.request`), so that nothing it read can change.
        state: Where it stands.
        hosts: By target, what its generator said last.
        ended_because: `stopped: REASON`, `deadline`, or what went wrong; "" while it is not over.
        failed_for: Who can act on what went wrong (`PhoenixError.actor`); "" where nothing did.
        driver: The process that keeps it; None when nobody does.
        heartbeat_at: When that said last that it lives, UTC.
        stop_requested: The reason of a stop request; None where nobody asked.
        created_at: UTC.
        started_at: When all processes stood, UTC; None before.
        deadline: When it ends by itself, UTC.
        ended_at: UTC; None while it is not over.
    """

    id: str
    name: str
    experiment: str
    profile: str
    targets: tuple[str, ...]
    request: Mapping[str, object]
    state: LoadState
    created_at: datetime
    deadline: datetime
    hosts: Mapping[str, LoadStatus] = field(default_factory=dict[str, LoadStatus])
    ended_because: str = ""
    failed_for: str = ""
    driver: Driver | None = None
    heartbeat_at: datetime | None = None
    stop_requested: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
