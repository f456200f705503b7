"""Reads one collector on one host: what it exports, and what it tells of itself."""

import time
from dataclasses import dataclass
from datetime import timedelta

from phoenix.adapters.ports import Host, RunningCollector
from phoenix.adapters.scraping.exposition import ExpositionParser
from phoenix.adapters.scraping.self_telemetry import read_telemetry
from phoenix.domain.errors import DependencyError
from phoenix.domain.observation.exports import ExportSnapshot, Telemetry

FETCH_TIMEOUT = timedelta(seconds=5)
"""A collector answers in milliseconds; one that is starved of CPU may take seconds, and must be waited for then."""


@dataclass(frozen=True, slots=True)
class ArmReading:
    """What a collector answered.

    Attributes:
        export: Its exporter's exposition; None where the reading failed.
        telemetry: Its own counters; None where the reading failed.
        error: Why the reading failed; "" where both are there.
    """

    export: ExportSnapshot | None = None
    telemetry: Telemetry | None = None
    error: str = ""


class ArmScraper:
    """Scrapes one collector again and again. Not safe for use by two threads at once.

    Args:
        host: Where it runs.
        collector: Which.
        timeout: For each of the two requests.
    """

    def __init__(self, host: Host, collector: RunningCollector, timeout: timedelta = FETCH_TIMEOUT) -> None:
        self._host = host
        self._collector = collector
        self._timeout = timeout
        self._exports = ExpositionParser()
        self._telemetry = ExpositionParser()

    def read(self) -> ArmReading:
        """Both expositions; if one fails, an error: half a reading would be half the truth."""
        try:
            export = self._exports.parse(self._host.fetch(self._collector.metrics_url, self._timeout))
            body = self._host.fetch(self._collector.telemetry_url, self._timeout)
            telemetry = read_telemetry(self._telemetry.parse(body), time.monotonic())
        except DependencyError as error:
            return ArmReading(error=self._reason(error))
        return ArmReading(export, telemetry)

    def _reason(self, error: DependencyError) -> str:
        """Why the collector died, if it did: that says more than a refused connection."""
        try:
            died = self._host.exit_reason(self._collector.place)
        except DependencyError:
            died = None
        return f"{error}" if died is None else f"the collector ended: {died}"
