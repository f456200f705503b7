"""What the server counts of itself, for /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from phoenix.adapters.stores import ExperimentStore
from phoenix.domain.phases import Phase

_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

_DELAYS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Telemetry:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "phoenix_api_requests_total",
            "Requests by operation and status.",
            ("operation", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "phoenix_api_request_seconds",
            "Time to answer, s.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.readers = Gauge(
            "phoenix_api_live_readers", "Open connections to the live events.", registry=self.registry
        )
        self.delay = Histogram(
            "phoenix_api_live_delay_seconds",
            "From an event's writing until it was sent to a reader who was waiting for it, s.",
            buckets=_DELAYS,
            registry=self.registry,
        )
        self._experiments = Gauge(
            "phoenix_experiments",
            "Experiments that are not over, by phase.",
            ("phase",),
            registry=self.registry,
        )
        self._sequence = Gauge(
            "phoenix_ledger_sequence", "Newest event of the ledger.", registry=self.registry
        )

    def look(self, store: ExperimentStore) -> None:
        """Read what is counted in the store."""
        counts = dict.fromkeys((phase for phase in Phase if not phase.is_over), 0)
        for record in store.unfinished():
            counts[record.phase] += 1
        for phase, count in counts.items():
            self._experiments.labels(phase.value).set(count)
        self._sequence.set(store.newest_event())
