"""The own part of a pipeline: what it measures and keeps, apart from where a slot sends it.

Two slots that run the same own part run the same pipeline; that is what its version says. Exporters, addresses,
extensions and the collector's own telemetry belong to the slot (`phoenix.manifests.slots`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from phoenix.domain.durations import format_duration, parse_duration
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.trees import component_type, mapping_at, strings_at
from phoenix.manifests.templates import substitute

HOST_METRICS_TYPES = frozenset({"host_metrics", "hostmetrics"})
"""The receiver's name, and the one it had before v0.159."""

DEFAULT_INTERVAL = timedelta(minutes=1)
"""What the host metrics receiver scrapes at where its configuration does not say."""


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What makes a pipeline the pipeline it is.

    Attributes:
        config: `receivers`, `processors`, `connectors` (where used) and `service.pipelines`, whose `exporters` name
            connectors only.
        version: sha256 of the configuration's canonical JSON, hex.
        exporting: Pipelines that a slot gives its exporters to: all but those that only feed a connector.
        findings: What was changed on the way (an overridden interval), as warnings.
    """

    config: Mapping[str, object]
    version: str
    exporting: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def own_part(
    template: Mapping[str, object],
    parameters: Mapping[str, object],
    *,
    scrape_interval: timedelta | None = None,
) -> OwnPart:
    """The own part of a catalog pipeline.

    Args:
        template: The catalog entry's template.
        parameters: A value for each parameter, as `resolve_parameters` returns them.
        scrape_interval: Of every host metrics receiver, whatever the configuration says; None keeps that.
    """
    rendered = substitute(template, parameters)
    return own_part_of_file(mapping_at(rendered), scrape_interval=scrape_interval)


def own_part_of_file(config: Mapping[str, object], *, scrape_interval: timedelta | None = None) -> OwnPart:
    """The own part of a whole collector configuration; only the metrics pipelines and what they use are kept."""
    pipelines = _metrics_pipelines(config)
    findings: list[Finding] = []
    receivers = _used(config, "receivers", pipelines)
    if scrape_interval is not None:
        receivers = {
            name: _at_interval(name, body, scrape_interval, findings) for name, body in receivers.items()
        }
    own: dict[str, object] = {"receivers": receivers, "processors": _used(config, "processors", pipelines)}
    if connectors := _used_connectors(config, pipelines):
        own["connectors"] = connectors
    exporting = _exporting(config, pipelines)
    own["service"] = {"pipelines": pipelines}
    return OwnPart(own, digest_of(own), exporting, tuple(findings))


def digest_of(config: Mapping[str, object]) -> str:
    """sha256 of the canonical JSON: the order of keys does not count, the order of lists does."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def scrape_interval_of(own: OwnPart) -> timedelta:
    """The longest interval among the host metrics receivers (the default where one names none we can read)."""
    receivers = mapping_at(own.config, "receivers")
    found = [
        _interval(body) for name, body in receivers.items() if component_type(name) in HOST_METRICS_TYPES
    ]
    return max(found, default=DEFAULT_INTERVAL)


def counts_each_byte_once(own: OwnPart) -> bool:
    """Whether the byte counters of the batch processors add up to what leaves.

    They do if every pipeline that exports has one `batch`, as its last processor: without one bytes go uncounted, with
    two they count twice, and either would look like a difference.
    """
    pipelines = mapping_at(own.config, "service", "pipelines")
    return all(
        [place for place, one in enumerate(reversed(_types(pipelines, name))) if one == "batch"] == [0]
        for name in own.exporting
    )


def _types(pipelines: Mapping[str, object], name: str) -> list[str]:
    return [component_type(processor) for processor in strings_at(pipelines, name, "processors")]


def _metrics_pipelines(config: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The metrics pipelines with the exporters that are connectors; a connector half cut off goes, until none is."""
    connectors = mapping_at(config, "connectors")
    pipelines = {
        name: _pipeline(body, connectors)
        for name, body in mapping_at(config, "service", "pipelines").items()
        if component_type(name) == "metrics"
    }
    while True:
        fed = {name for body in pipelines.values() for name in strings_at(body, "exporters")}
        read = {name for body in pipelines.values() for name in strings_at(body, "receivers")}
        gone = {name for name in connectors if (name in fed) != (name in read)}
        kept = {name: _without(body, gone) for name, body in pipelines.items()}
        kept = {name: body for name, body in kept.items() if body["receivers"]}
        if kept == pipelines:
            return pipelines
        pipelines = kept


def _pipeline(body: object, connectors: Mapping[str, object]) -> dict[str, object]:
    pipeline: dict[str, object] = {
        "receivers": strings_at(body, "receivers"),
        "processors": strings_at(body, "processors"),
    }
    if feeds := [name for name in strings_at(body, "exporters") if name in connectors]:
        pipeline["exporters"] = feeds
    return pipeline


def _without(body: Mapping[str, object], gone: set[str]) -> dict[str, object]:
    """The pipeline less the connectors that lead nowhere or come from nowhere."""
    kept = {part: [name for name in strings_at(body, part) if name not in gone] for part in body}
    return {part: names for part, names in kept.items() if names or part != "exporters"}


def _used(
    config: Mapping[str, object], part: str, pipelines: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """The components of a kind that a metrics pipeline names, in the order of the document."""
    names = {name for body in pipelines.values() for name in strings_at(body, part)}
    return {name: body for name, body in mapping_at(config, part).items() if name in names}


def _used_connectors(
    config: Mapping[str, object], pipelines: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    names = {name for body in pipelines.values() for name in strings_at(body, "exporters")}
    return {name: body for name, body in mapping_at(config, "connectors").items() if name in names}


def _exporting(
    config: Mapping[str, object], pipelines: Mapping[str, Mapping[str, object]]
) -> tuple[str, ...]:
    """A pipeline that only feeds a connector would be counted twice if it exported too."""
    connectors = mapping_at(config, "connectors")
    written = {name: strings_at(config, "service", "pipelines", name, "exporters") for name in pipelines}
    return tuple(
        name
        for name, body in pipelines.items()
        if not body.get("exporters") or any(exporter not in connectors for exporter in written[name])
    )


def _at_interval(name: str, body: object, wanted: timedelta, findings: list[Finding]) -> object:
    if component_type(name) not in HOST_METRICS_TYPES:
        return body
    if (found := _interval(body)) != wanted:
        findings.append(_overridden(name, found, wanted))
    return {**mapping_at(body), "collection_interval": format_duration(wanted)}


def _interval(body: object) -> timedelta:
    written = mapping_at(body).get("collection_interval")
    try:
        return parse_duration(written) if isinstance(written, str) else DEFAULT_INTERVAL
    except ValueError:
        return DEFAULT_INTERVAL


def _overridden(name: str, found: timedelta, wanted: timedelta) -> Finding:
    return Finding(
        Severity.WARNING,
        "interval_overridden",
        join_path("receivers", name, "collection_interval"),
        f"the pipeline scrapes every {format_duration(found)}, the experiment every {format_duration(wanted)}: "
        "data points, bytes and cost are those of the experiment's interval, in both arms",
        "set the experiment's scrapeInterval to the one you will run",
    )
