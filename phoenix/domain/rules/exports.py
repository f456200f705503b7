"""What leaves the host: identity that the exporter would swallow, and command lines that carry secrets."""

from collections.abc import Iterator

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Component, Context, MetricsPipeline, Path, maps
from phoenix.domain.trees import list_at, mapping_at

_SWALLOWS_RESOURCES = frozenset({"prometheus", "prometheusremotewrite"})
COMMAND_LINE = "process.command_line"


def swallowed_identity(context: Context) -> Iterator[Finding]:
    """A Prometheus exporter that leaves resource attributes out makes one series of all processes."""
    seen: set[Path] = set()
    for pipeline in context.pipelines:
        for exporter in pipeline.exporters:
            if exporter.kind not in _SWALLOWS_RESOURCES or exporter.path in seen:
                continue
            seen.add(exporter.path)
            enabled = mapping_at(exporter.config, "resource_to_telemetry_conversion").get("enabled", False)
            if enabled is False:
                yield Finding(
                    Severity.WARNING,
                    "prometheus_without_identity",
                    join_path(*exporter.path, "resource_to_telemetry_conversion"),
                    "the exporter leaves out resource attributes, which say whose a value is: "
                    "all processes silently become one",
                    "set resource_to_telemetry_conversion: {enabled: true}",
                )


def command_lines(context: Context) -> Iterator[Finding]:
    """The scraper reads command lines unless told not to, and they carry passwords."""
    for pipeline in context.pipelines:
        if any(_deletes_command_line(processor) for processor in pipeline.processors):
            continue
        for scraper in _scrapers(context, pipeline):
            written = mapping_at(scraper.config, "resource_attributes", COMMAND_LINE).get("enabled", True)
            if written is not False:
                yield Finding(
                    Severity.WARNING,
                    "command_line_exported",
                    join_path(*scraper.path, "resource_attributes", COMMAND_LINE),
                    "command lines are exported (the scraper's default); they can carry passwords and tokens",
                    f"set resource_attributes: {{{COMMAND_LINE}: {{enabled: false}}}}",
                )


def _scrapers(context: Context, pipeline: MetricsPipeline) -> list[Component]:
    receivers = {receiver.path for receiver in pipeline.receivers}
    return [scraper for scraper in context.process_scrapers() if scraper.path[:2] in receivers]


def _deletes_command_line(processor: Component) -> bool:
    if processor.kind == "resource":
        actions = maps(list_at(processor.config, "attributes"), ())
        return any(a.get("key") == COMMAND_LINE and a.get("action") == "delete" for _, a in actions)
    deletes = f'"{COMMAND_LINE}"'
    return (
        processor.kind == "transform"
        and "delete_key(" in str(processor.config)
        and deletes in str(processor.config)
    )
