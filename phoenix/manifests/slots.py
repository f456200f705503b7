"""What a slot adds to a pipeline's own part: exporters, listening addresses, telemetry.

All addresses come from the environment, so that one text fits every host and its digest says what runs.

    baseline, candidate   a Prometheus exporter that Phoenix reads; nothing reaches the user's backend
    active                the same, and the user's exporters
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from phoenix.domain.durations import format_duration
from phoenix.domain.trees import component_type, mapping_at, strings_at
from phoenix.manifests.collector import HOST_METRICS_TYPES, OwnPart, digest_of, scrape_interval_of
from phoenix.manifests.fixed_ports import listeners

METRICS_ADDRESS = "PHOENIX_METRICS_ADDRESS"
"""Environment: host:port of the measurement exporter."""

HEALTH_ADDRESS = "PHOENIX_HEALTH_ADDRESS"
"""Environment: host:port of the health check."""

TELEMETRY_HOST = "PHOENIX_TELEMETRY_HOST"
"""Environment: where the collector shows its own telemetry; the collector takes host and port apart."""

TELEMETRY_PORT = "PHOENIX_TELEMETRY_PORT"
"""Environment: see TELEMETRY_HOST."""

MEASUREMENT_EXPORTER = "prometheus/phoenix"
HEALTH_EXTENSION = "health_check/phoenix"

EXPIRY_INTERVALS = 2.5
"""A process that was dropped or died is gone after this many scrapes (the exporter's own default, 5 min, would count
the dead), while one late scrape loses nothing."""


@dataclass(frozen=True, slots=True)
class SlotAddition:
    """What a slot adds beyond the measurement.

    Attributes:
        exporters: The user's, name to configuration; empty for the slots of an experiment.
        wiring: Which of them each pipeline uses; a pipeline that is not named uses all.
    """

    exporters: Mapping[str, object] = field(default_factory=dict[str, object])
    wiring: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


MEASUREMENT = SlotAddition()
"""The slots `baseline` and `candidate`."""


@dataclass(frozen=True, slots=True)
class SlotConfig:
    """A whole collector configuration.

    Attributes:
        config: As the collector takes it; dump it with `phoenix.adapters.yaml.documents.dump_yaml`.
        digest: sha256 of its canonical JSON, hex.
    """

    config: Mapping[str, object]
    digest: str


def slot_config(own: OwnPart, slot: SlotAddition = MEASUREMENT) -> SlotConfig:
    """The whole configuration of a pipeline in a slot."""
    config = {key: value for key, value in own.config.items() if key != "service"}
    config["exporters"] = {**slot.exporters, MEASUREMENT_EXPORTER: _measurement_exporter(own)}
    config["extensions"] = {HEALTH_EXTENSION: {"endpoint": _env(HEALTH_ADDRESS)}}
    config["service"] = {
        "extensions": [HEALTH_EXTENSION],
        "telemetry": _telemetry(),
        "pipelines": _pipelines(own, slot),
    }
    if listeners(config):
        config["receivers"] = _reading_at_once(own)
    return SlotConfig(config, digest_of(config))


def exporters_of_file(config: Mapping[str, object]) -> SlotAddition:
    """The exporters that the metrics pipelines of a user's configuration use, and where."""
    connectors = mapping_at(config, "connectors")
    exporters = mapping_at(config, "exporters")
    wiring = {
        name: [e for e in strings_at(body, "exporters") if e in exporters and e not in connectors]
        for name, body in mapping_at(config, "service", "pipelines").items()
        if name.partition("/")[0] == "metrics"
    }
    used = {name for names in wiring.values() for name in names}
    return SlotAddition({name: body for name, body in exporters.items() if name in used}, wiring)


def measurement_environ(metrics: str, health: str, telemetry: tuple[str, int]) -> dict[str, str]:
    """The environment that a slot's configuration reads its addresses from."""
    host, port = telemetry
    return {METRICS_ADDRESS: metrics, HEALTH_ADDRESS: health, TELEMETRY_HOST: host, TELEMETRY_PORT: str(port)}


def _measurement_exporter(own: OwnPart) -> dict[str, object]:
    expiration: timedelta = scrape_interval_of(own) * EXPIRY_INTERVALS
    return {
        "endpoint": _env(METRICS_ADDRESS),
        "metric_expiration": format_duration(expiration),
        "send_timestamps": True,
        "without_scope_info": True,
        # Identity is on the resource: without this all processes silently become one.
        "resource_to_telemetry_conversion": {"enabled": True},
    }


def _telemetry() -> dict[str, object]:
    reader = {"prometheus": {"host": _env(TELEMETRY_HOST), "port": _env(TELEMETRY_PORT)}}
    return {
        "logs": {"level": "warn"},
        # Detailed: bytes per batch and time per processor are not there below it.
        "metrics": {"level": "detailed", "readers": [{"pull": {"exporter": reader}}]},
    }


def _pipelines(own: OwnPart, slot: SlotAddition) -> dict[str, object]:
    pipelines: dict[str, object] = {}
    for name, body in mapping_at(own.config, "service", "pipelines").items():
        exporters = strings_at(body, "exporters")
        if name in own.exporting:
            users = slot.wiring.get(name, slot.exporters)
            exporters = list(dict.fromkeys([*exporters, MEASUREMENT_EXPORTER, *users]))
        pipelines[name] = {**mapping_at(body), "exporters": exporters}
    return pipelines


def _reading_at_once(own: OwnPart) -> dict[str, object]:
    """The receivers without their first wait, a second by default: at a port that only one can hold, it is a gap."""
    return {
        name: {"initial_delay": "0s", **mapping_at(body)}
        if component_type(name) in HOST_METRICS_TYPES
        else body
        for name, body in mapping_at(own.config, "receivers").items()
    }


def _env(name: str) -> str:
    return f"${{env:{name}}}"
