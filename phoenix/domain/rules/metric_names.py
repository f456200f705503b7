"""Metrics that a configuration names and the scraper does not emit: rules on them never apply, in silence."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Component, Context, Path, maps
from phoenix.domain.rules.statements import statements
from phoenix.domain.rules.vocabulary import DEFAULT_METRICS, OPTIONAL_METRICS, SCRAPER_METRICS
from phoenix.domain.trees import list_at, mapping_at, strings_at

_COMPARED = re.compile(r'(?<![\w.])(?:metric\.)?name\s*[!=]=\s*"(process\.[^"]*)"')
_RENAMED = re.compile(r'set\(\s*(?:metric\.)?name\s*,\s*"([^"]*)"')
_MEANT = {
    "process.memory.physical": "process.memory.usage",
    "process.memory.physical_usage": "process.memory.usage",
}


def check(context: Context) -> Iterator[Finding]:
    """Names in conditions, selectors and processors that choose metrics by name."""
    if any(receiver.kind != "hostmetrics" for receiver in context.receivers()):
        return  # Whatever else comes in may have other names.
    renamed = _renamed(context)
    enabled = _enabled(context)
    seen: set[tuple[Path, str]] = set()
    for path, name in _named(context):
        if name in renamed or (path, name) in seen:
            continue
        seen.add((path, name))
        if name not in SCRAPER_METRICS:
            meant = _MEANT.get(name) or next(iter(get_close_matches(name, sorted(SCRAPER_METRICS), n=1)), "")
            fix = f"did you mean {meant}?" if meant else f"it emits {', '.join(DEFAULT_METRICS)}, ..."
            yield _finding(path, f"the process scraper emits no metric {name}", fix)
        elif name in OPTIONAL_METRICS and name not in enabled:
            fix = f"enable it in the scraper: metrics: {{{name}: {{enabled: true}}}}"
            yield _finding(
                path, f"the process scraper emits {name} only where it is enabled, and it is not", fix
            )


def _named(context: Context) -> Iterator[tuple[Path, str]]:
    for statement in statements(context):
        for name in _COMPARED.findall(statement.text):
            yield statement.path, name
    for processor in context.processors():
        for path, name in _selected(processor):
            if name.startswith("process."):
                yield path, name


def _selected(processor: Component) -> Iterator[tuple[Path, str]]:
    """Names in selectors; patterns are left alone."""
    for way in (("metrics", "include"), ("metrics", "exclude"), ("include",), ("exclude",)):
        selector = mapping_at(processor.config, *way)
        if selector.get("match_type") != "regexp":
            for part in ("metric_names", "metrics"):
                for index, name in enumerate(strings_at(selector, part)):
                    yield (*processor.path, *way, part, index), name
    if processor.kind == "metricstransform":
        for path, transform in maps(list_at(processor.config, "transforms"), (*processor.path, "transforms")):
            if transform.get("match_type") != "regexp" and isinstance(name := transform.get("include"), str):
                yield (*path, "include"), name


def _renamed(context: Context) -> frozenset[str]:
    """Names that the pipeline gives by itself."""
    names = {name for statement in statements(context) for name in _RENAMED.findall(statement.text)}
    for processor in context.processors():
        for _, transform in maps(list_at(processor.config, "transforms"), ()):
            names.add(str(transform.get("new_name", "")))
    return frozenset(names)


def _enabled(context: Context) -> frozenset[str]:
    return frozenset(
        name
        for scraper in context.process_scrapers()
        for name in mapping_at(scraper.config, "metrics")
        if mapping_at(scraper.config, "metrics", name).get("enabled") is not False
    )


def _finding(path: Path, reason: str, fix: str) -> Finding:
    return Finding(Severity.WARNING, "metric_not_emitted", join_path(*path), reason, fix)
