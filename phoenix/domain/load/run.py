"""A load run: processes simulated on hosts by themselves, apart from any experiment's own load."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, cast

from phoenix.domain.errors import DependencyError, PhoenixError, SpecError, StateError
from phoenix.domain.record import Driver


class LoadState(StrEnum):
    """Where a load run stands."""

    STARTING = "starting"
    """Not all hosts carry what was asked for yet."""
    RUNNING = "running"
    """What was asked for stood on every host."""
    ENDING = "ending"
    """Why it ends is known; not every host has shown yet that nothing is left."""
    ENDED = "ended"
    """Nothing of it is left on any host: that was checked."""


class LoadEnd(StrEnum):
    """Why a load run ended."""

    STOPPED = "stopped"
    DEADLINE = "deadline"
    EXPERIMENT_OVER = "experiment over"
    FAILED = "failed"
    LOST = "lost"
    """The process that kept it is gone."""


@dataclass(frozen=True, slots=True)
class LoadEnding:
    """How a load run ended.

    Attributes:
        why: In one word.
        words: In one sentence: who asked for it, or what went wrong.
        hint: What a person can do about what went wrong; "" where there is nothing.
        code: Of the error (`PhoenixError.code`); "" where there was none.
        actor: Who can act on the error (`PhoenixError.actor`); "" where there was none.
    """

    why: LoadEnd
    words: str
    hint: str = ""
    code: str = ""
    actor: str = ""

    @classmethod
    def of(cls, fault: Exception) -> Self:
        """The ending by a fault, whoever can act on it."""
        if isinstance(fault, PhoenixError):
            return cls(LoadEnd.FAILED, fault.message, fault.hint, fault.code, fault.actor)
        words = f"{type(fault).__name__}: {fault}"
        return cls(LoadEnd.FAILED, words, "", PhoenixError.default_code, PhoenixError.actor)

    def fault(self) -> PhoenixError | None:
        """The error that ended it, to be raised where a person waits; None where nothing went wrong."""
        if self.why not in (LoadEnd.FAILED, LoadEnd.LOST):
            return None
        kinds = {kind.actor: kind for kind in (SpecError, StateError, DependencyError, PhoenixError)}
        kind = kinds.get(self.actor, DependencyError)
        return kind(self.words, code=self.code or None, hint=self.hint)


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
        exited: Processes that ended since the beginning, for whatever reason.
        restarts: Standing processes that were replaced because of their age.
        died: Processes that something else ended.
        lateness_p50: Median of how late a start was, s; None before anything was due.
        lateness_p99: 99th percentile of how late a start was, s; None before anything was due.
        cpu_cores: Used by the simulated processes over the last seconds; None before it was measured.
        memory_bytes: Resident memory of the simulated processes; None before it was measured.
        agent_cpu_seconds: CPU time of the generator itself since its start, s; None before it said so.
        elapsed_seconds: Since the generator began, s; None before it said so.
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
    exited: int = 0
    restarts: int = 0
    died: int = 0
    lateness_p50: float | None = None
    lateness_p99: float | None = None
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    agent_cpu_seconds: float | None = None
    elapsed_seconds: float | None = None
    contained_by: str = ""
    capped: tuple[str, ...] = ()
    metrics_url: str = ""
    error: str = ""

    def as_document(self) -> dict[str, Any]:
        """JSON-compatible; every field by its name."""
        return {**asdict(self), "capped": list(self.capped)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What `as_document` wrote; figures for people, so what another version added is left out."""
        known = {one.name for one in fields(cls)}
        found: dict[str, Any] = {key: value for key, value in document.items() if key in known}
        found["capped"] = tuple(found.get("capped", ()))
        return cls(**found)


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
        created_at: UTC.
        deadline: When it ends by itself, UTC.
        hosts: By target, what its generator said last; a host that said nothing has no entry.
        ending: How it ends or ended; None while it runs.
        left: By target, what a host still has or why it could not be asked; empty where all were cleaned up.
        driver: The process that keeps it; None when nobody does.
        heartbeat_at: When that said last that it lives, UTC.
        stop_requested: The reason of a stop request; None where nobody asked.
        started_at: When all processes stood, UTC; None before.
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
    ending: LoadEnding | None = None
    left: Mapping[str, str] = field(default_factory=dict[str, str])
    driver: Driver | None = None
    heartbeat_at: datetime | None = None
    stop_requested: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether it ended and nothing of it is left."""
        return self.state is LoadState.ENDED

    @property
    def requested(self) -> int:
        """Standing processes asked for now, on all hosts together; of a host that said nothing yet, all."""
        patterns = cast("Sequence[Mapping[str, int]]", self.request.get("patterns", ()))
        whole = sum(pattern["count"] for pattern in patterns)
        silent = len(self.targets) - len(self.hosts)
        return silent * whole + sum(status.requested for status in self.hosts.values())

    @property
    def achieved(self) -> int:
        """Of those, alive when they were last counted."""
        return sum(status.achieved for status in self.hosts.values())
