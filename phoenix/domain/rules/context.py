"""What the rules look at: the configuration, taken apart once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from phoenix.domain.trees import component_type, list_at, mapping_at, strings_at

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """A receiver, processor or exporter that a metrics pipeline uses.

    Attributes:
        path: Where it is configured.
        kind: Its type without underscores, so that old and new names are one: `hostmetrics`, `cumulativetodelta`.
        config: Its configuration; empty where it has none.
    """

    path: Path
    kind: str
    config: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MetricsPipeline:
    """One metrics pipeline; the components in its order."""

    name: str
    receivers: tuple[Component, ...]
    processors: tuple[Component, ...]
    exporters: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """One configuration under judgement.

    Attributes:
        config: The whole document.
        critical: Patterns on process.executable.name of what must not be lost; may be empty.
        pipelines: The metrics pipelines.
    """

    config: Mapping[str, object]
    critical: Sequence[str]
    pipelines: tuple[MetricsPipeline, ...]

    def processors(self) -> tuple[Component, ...]:
        """Every processor that a metrics pipeline uses, once."""
        return _once(component for pipeline in self.pipelines for component in pipeline.processors)

    def receivers(self) -> tuple[Component, ...]:
        """Every receiver that a metrics pipeline uses, once."""
        return _once(component for pipeline in self.pipelines for component in pipeline.receivers)

    def process_scrapers(self) -> tuple[Component, ...]:
        """The configurations of the process scraper, as components of their own."""
        found: list[Component] = []
        for receiver in self.receivers():
            scrapers = mapping_at(receiver.config, "scrapers")
            if receiver.kind == "hostmetrics" and "process" in scrapers:
                path = (*receiver.path, "scrapers", "process")
                found.append(Component(path, "process", mapping_at(scrapers, "process")))
        return tuple(found)


def context_of(config: Mapping[str, object], critical: Sequence[str]) -> Context:
    """Take a configuration apart; what is missing or misshapen is left out, and the collector says so."""
    pipelines = tuple(
        MetricsPipeline(
            name,
            _components(config, "receivers", body),
            _components(config, "processors", body),
            _components(config, "exporters", body),
        )
        for name, body in mapping_at(config, "service", "pipelines").items()
        if component_type(name) == "metrics"
    )
    return Context(config, critical, pipelines)


def kind_of(name: str) -> str:
    """The type in a component's name, old or new: `host_metrics/a` and `hostmetrics` are `hostmetrics`."""
    return component_type(name).replace("_", "")


def texts(tree: object, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts of the list at `path` of a component's configuration, each with its own path."""
    for index, item in enumerate(list_at(tree)):
        if isinstance(item, str):
            yield (*path, index), item


def maps(tree: object, path: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    """The mappings of the list at `path`, each with its own path."""
    for index, item in enumerate(list_at(tree)):
        if isinstance(item, Mapping):
            yield (*path, index), dict(cast("Mapping[str, object]", item))


def _components(config: Mapping[str, object], part: str, body: object) -> tuple[Component, ...]:
    configured = mapping_at(config, part)
    return tuple(
        Component((part, name), kind_of(name), mapping_at(configured, name))
        for name in strings_at(body, part)
        if name in configured
    )


def _once(components: Iterator[Component]) -> tuple[Component, ...]:
    return tuple({component.path: component for component in components}.values())
