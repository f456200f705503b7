"""What flows through a collector that serves: rates from its own counters, and whether anything comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from phoenix.adapters.ports import Host, RunningCollector
from phoenix.adapters.scraping.scraper import ArmScraper
from phoenix.adapters.yaml.documents import parse_mapping
from phoenix.domain.errors import SpecError
from phoenix.domain.observation.exports import Quantity, Telemetry
from phoenix.manifests.collector import DEFAULT_INTERVAL, OwnPart, scrape_interval_of

PATIENCE = timedelta(seconds=5)
"""For each of a collector's two answers."""

WINDOW_INTERVALS = 3
"""Points come in one burst each scrape interval: fewer would show the bursts, more would show the past."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What one look showed; what is not known is None.

    Attributes:
        series: Active series that it exports.
        points_in: Data points per second that its receivers accept.
        points_out: Data points per second that it exports.
        cpu_cores: CPU that it uses, cores.
        window_seconds: What these three are averages over, s: since it started, until the looks span some intervals.
        memory_bytes: Resident memory, By.
        uptime: How long it has been running.
        interval: Its scrape interval.
        given_up: Points that exporters of the user gave up since it started, by exporter; none where they did not.
    """

    series: int
    points_in: float | None
    points_out: float | None
    cpu_cores: float | None
    window_seconds: float | None
    memory_bytes: float | None
    uptime: timedelta | None
    interval: timedelta
    given_up: tuple[tuple[str, int], ...]


class FlowMeter:
    """Looks at one collector again and again; not for use by two threads at once.

    Args:
        host: Where it runs.
        collector: Which.
        config: Its configuration, as it lies on the host; None where that is missing.
    """

    def __init__(self, host: Host, collector: RunningCollector, config: str | None) -> None:
        self._scraper = ArmScraper(host, collector, PATIENCE)
        self._interval = _interval_of(config or "", collector.pipeline)
        self._past: list[Telemetry] = []

    def look(self) -> Flow | str:
        """What flows; why it could not be read, in words, where it does not answer."""
        reading = self._scraper.read()
        if reading.telemetry is None or reading.export is None:
            return reading.error
        now = reading.telemetry
        start = self._start_of_window(now)
        seconds = now.uptime_seconds if start is None else now.at_seconds - start.at_seconds
        return Flow(
            series=sum(key.quantity is not Quantity.NONE for key, _, _ in reading.export.points),
            points_in=_rate("points_received", start, now, seconds),
            points_out=_rate("points_sent", start, now, seconds),
            cpu_cores=_rate("cpu_seconds", start, now, seconds),
            window_seconds=seconds,
            memory_bytes=now.memory_bytes,
            uptime=None if now.uptime_seconds is None else timedelta(seconds=now.uptime_seconds),
            interval=self._interval,
            given_up=tuple(sorted((name, round(count)) for name, count in now.failed_to.items() if count)),
        )

    def _start_of_window(self, now: Telemetry) -> Telemetry | None:
        """The newest earlier look that is long enough ago; None while there is none."""
        oldest = now.at_seconds - WINDOW_INTERVALS * self._interval.total_seconds()
        old = [past for past in self._past if past.at_seconds <= oldest]
        self._past = [*old[-1:], *(past for past in self._past if past.at_seconds > oldest), now]
        return old[-1] if old else None


def _rate(name: str, start: Telemetry | None, now: Telemetry, seconds: float | None) -> float | None:
    end: float | None = getattr(now, name)
    begin: float | None = 0.0 if start is None else getattr(start, name)
    if end is None or begin is None or not seconds or end < begin:
        return None
    return (end - begin) / seconds


def _interval_of(config: str, pipeline: str) -> timedelta:
    try:
        return scrape_interval_of(OwnPart(parse_mapping(config, pipeline), "", ()))
    except SpecError:
        return DEFAULT_INTERVAL  # somebody edited it on the host


def words_of_given_up(flow: Flow) -> str:
    """What did not arrive, for a person; "" where everything did."""
    lost: Sequence[str] = [
        f"{name} gave up {count:,} points since it started" for name, count in flow.given_up
    ]
    return "; ".join(lost)
