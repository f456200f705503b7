"""What one scrape yields: plain values that the comparison consumes and the measurement produces.

A missing value is missing: an absent key in `values`, `None`, or an arm that is `None`. It never becomes 0 or 100 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from phoenix.domain.metrics import Metric


class Variant(StrEnum):
    """The two pipelines of an experiment."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True, order=True)
class ProcessIdentity:
    """A process of the kernel's table.

    Attributes:
        name: `process.executable.name` as the scraper would report it.
        pid: Process id on that host.
    """

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class ArmSample:
    """One variant on one host at one scrape.

    Attributes:
        values: Measured quantities in the units of `metrics.NATURES`; a key that is absent was not measured.
        critical: Critical processes that the kernel showed alive for two intervals, i.e. that had to be exported.
        missed: Those of them that the variant did not export at this scrape.
        is_judged: The kernel's table was read, so that no miss means that none was missed.
        coverage_slack: The CPU coverage lies within its value plus and minus this, for the output and the table are
            not of the same moment; None where there is no coverage.
        cpu_seconds: The collector's own CPU counter since its start, s; None where its telemetry was not read.
        points_received: The receiver's counter of accepted points since the collector's start; None where not read.
        export_age_seconds: Age of the newest exported point when it was read, s; None where nothing was exported.
        throttled_periods: CFS periods in which the collector's cgroup was throttled so far; None where unreadable.
        error: Why the scrape of this arm failed; then `values` is empty. "" where it did not.
    """

    values: Mapping[Metric, float] = field(default_factory=dict[Metric, float])
    critical: int = 0
    missed: tuple[ProcessIdentity, ...] = ()
    cpu_seconds: float | None = None
    points_received: float | None = None
    export_age_seconds: float | None = None
    throttled_periods: int | None = None
    error: str = ""
    is_judged: bool = True
    coverage_slack: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a chart needs of a scrape, and no more: a long run has thousands.

    Attributes:
        number: Of the scrape.
        host: The target's name.
        at_seconds: Monotonic time since the run's first tick, s.
        wall_seconds: Wall clock at the same moment, s since the epoch.
        values: Metric by name to its value, by variant; what was not measured has no key.
    """

    number: int
    host: str
    at_seconds: float
    wall_seconds: float
    values: Mapping[Variant, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Both variants on one host at one tick of the experiment's clock.

    Attributes:
        number: 1 for the first scrape of the run; the warm-up is numbers 1..warmup.
        host: The target's name.
        at_seconds: Monotonic time since the run's first tick, s.
        wall_seconds: Wall clock at the same moment, s since the epoch.
        baseline: The baseline's sample; None where it was not scraped at all.
        candidate: The candidate's sample; None where it was not scraped at all.
        unmatched: Patterns of `criticalProcesses` that no living process on this host was seen to match; all of them
            where the process table could not be read.
        undue: Patterns of `criticalProcesses` that no process had to be exported for: `unmatched`, and those whose
            processes are younger than two intervals.
    """

    number: int
    host: str
    at_seconds: float
    wall_seconds: float
    baseline: ArmSample | None
    candidate: ArmSample | None
    unmatched: tuple[str, ...] = ()
    undue: tuple[str, ...] = ()

    def arm(self, variant: Variant) -> ArmSample | None:
        return self.baseline if variant is Variant.BASELINE else self.candidate
