"""Finds the conditions and statements of the transformation language in a configuration, each with its context."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from phoenix.domain.rules.context import Component, Context, Path, maps, texts
from phoenix.domain.trees import list_at, mapping_at

_INDEXED = re.compile(r'((?:[A-Za-z_]+\.)*)attributes\["((?:\\.|[^"\\])*)"\]')
_WRITTEN = re.compile(r'set\(\s*(?:[A-Za-z_]+\.)*attributes\["((?:\\.|[^"\\])*)"\]')


@dataclass(frozen=True, slots=True)
class Statement:
    """A condition or statement.

    Attributes:
        path: Where it is.
        text: As written.
        context: What a bare `attributes` means there: resource, metric, datapoint, or "" where it is inferred.
    """

    path: Path
    text: str
    context: str


@dataclass(frozen=True, slots=True)
class AttributeUse:
    """An attribute that a statement names; `owner` is resource, datapoint, or "" where the context does not say."""

    statement: Statement
    owner: str
    key: str


def statements(context: Context) -> Iterator[Statement]:
    """Every condition and statement of the filters and transforms in use."""
    for processor in context.processors():
        if processor.kind == "filter":
            yield from filter_conditions(processor)
        elif processor.kind == "transform":
            yield from _of_transform(processor)


def filter_conditions(processor: Component) -> Iterator[Statement]:
    """Every condition of a filter on metrics, in old and new notation."""
    metrics = mapping_at(processor.config, "metrics")
    for kind in ("resource", "metric", "datapoint"):
        for path, text in texts(metrics.get(kind), (*processor.path, "metrics", kind)):
            yield Statement(path, text, kind)
    yield from _listed(processor, "metric_conditions", "conditions")


def attribute_uses(context: Context) -> Iterator[AttributeUse]:
    """Every attribute that a statement names, with whose it is."""
    for statement in statements(context):
        for prefix, key in _INDEXED.findall(statement.text):
            owner = prefix.rstrip(".") or statement.context
            yield AttributeUse(statement, owner, key)


def written_attributes(context: Context) -> frozenset[str]:
    """Attributes that the pipeline itself sets."""
    by_statements = {key for s in statements(context) for key in _WRITTEN.findall(s.text)}
    by_actions = {
        str(action.get("key"))
        for processor in context.processors()
        for _, action in maps(
            list_at(processor.config, "attributes") + list_at(processor.config, "actions"), ()
        )
        if action.get("action") in ("insert", "upsert", "extract", "hash", "convert")
    }
    return frozenset(by_statements | by_actions)


def _of_transform(processor: Component) -> Iterator[Statement]:
    yield from _listed(processor, "metric_statements", "statements")
    yield from _listed(processor, "metric_statements", "conditions")


def _listed(processor: Component, part: str, inner: str) -> Iterator[Statement]:
    """Texts, or groups of texts with a context."""
    listed = list_at(processor.config, part)
    if inner != "conditions" or part == "metric_conditions":
        for path, text in texts(listed, (*processor.path, part)):
            yield Statement(path, text, "")
    for path, group in maps(listed, (*processor.path, part)):
        for where, text in texts(group.get(inner), (*path, inner)):
            yield Statement(where, text, str(group.get("context") or ""))
