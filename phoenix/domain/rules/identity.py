"""Process identity is on the resource. Rules about looking for it elsewhere, misspelling it, and losing it on the way."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Component, Context, Path, maps
from phoenix.domain.rules.statements import attribute_uses, written_attributes
from phoenix.domain.rules.vocabulary import IDENTITY, KNOWN_ATTRIBUTES, PID
from phoenix.domain.trees import list_at, mapping_at, strings_at, walk

_NEEDS_IDENTITY = frozenset(
    {
        "cumulativetodelta",
        "deltatorate",
        "deltatocumulative",
        "topk",
        "adaptivefilter",
        "aggregate",
        "interval",
    }
)
_DELETES_PID = re.compile(r'delete_key\(\s*(?:resource\.)?attributes\s*,\s*"process\.pid"')
_KEEPS_KEYS = re.compile(r"keep_(?:matching_)?keys\(\s*(?:resource\.)?attributes\s*,(.*)\)", re.DOTALL)
_HAS_LABEL = re.compile(r'(?:HasLabel|Label|HasAttr\w*OnDatapoint)\(\s*[\'"](process\.[a-z_.]+)')


def on_datapoints(context: Context) -> Iterator[Finding]:
    """Identity used as an attribute of data points, in statements and in processors that know only those."""
    seen: set[tuple[Path, str]] = set()
    for use in attribute_uses(context):
        at = (use.statement.path, use.key)
        if use.key in IDENTITY and use.owner == "datapoint" and at not in seen:
            seen.add(at)
            yield _on_datapoint(use.statement.path, use.key)
    for processor in context.processors():
        for path, key in _datapoint_keys(processor):
            yield _on_datapoint(path, key)


def misspelt(context: Context) -> Iterator[Finding]:
    """Attributes that look like the scraper's and are not: they match nothing, in silence."""
    own = written_attributes(context)
    seen: set[tuple[Path, str]] = set()
    named = [(use.statement.path, use.key) for use in attribute_uses(context)]
    named += [at for processor in context.processors() for at in _resource_keys(processor)]
    for path, key in named:
        if not key.startswith("process") or key in KNOWN_ATTRIBUTES or key in own or (path, key) in seen:
            continue
        near = get_close_matches(key, sorted(KNOWN_ATTRIBUTES), n=1, cutoff=0.75)
        if key.startswith("process.") or near:
            seen.add((path, key))
            fix = f"did you mean {near[0]}?" if near else f"the scraper sets {', '.join(sorted(IDENTITY))}"
            reason = f"no process has the attribute {key}: what looks for it finds nothing"
            yield Finding(Severity.WARNING, "unknown_attribute", join_path(*path), reason, fix)


def lost(context: Context) -> Iterator[Finding]:
    """The pid removed before a processor that tells series apart: there all processes of a name become one."""
    for pipeline in context.pipelines:
        removed: Path | None = None
        for processor in pipeline.processors:
            if removed and processor.kind in _NEEDS_IDENTITY:
                reason = (
                    f"process.pid is removed before {processor.path[-1]}, which tells processes apart by it: "
                    "their counters are mixed, and most of the values are lost"
                )
                fix = f"remove it after {processor.path[-1]}"
                yield Finding(Severity.WARNING, "identity_lost", join_path(*removed), reason, fix)
                break
            removed = removed or _removal(processor)


def _on_datapoint(path: Path, key: str) -> Finding:
    reason = f"{key} is an attribute of the resource; data points do not have it, and a copy repeats it in each series"
    fix = f'use resource.attributes["{key}"], or the resource processor'
    return Finding(Severity.WARNING, "identity_on_datapoint", join_path(*path), reason, fix)


def _datapoint_keys(processor: Component) -> Iterator[tuple[Path, str]]:
    """Identity named in the settings of processors that work on data points only."""
    match processor.kind:
        case "attributes":
            yield from _keys_of(processor, "actions")
        case "groupbyattrs":
            for index, key in enumerate(strings_at(processor.config, "keys")):
                if key in IDENTITY:
                    yield (*processor.path, "keys", index), key
        case "metricstransform":
            yield from _labels(processor)
        case "filter":
            yield from _expressions(processor)
        case _:
            return


def _keys_of(processor: Component, part: str) -> Iterator[tuple[Path, str]]:
    for path, action in maps(list_at(processor.config, part), (*processor.path, part)):
        if (key := action.get("key")) in IDENTITY:
            yield (*path, "key"), str(key)


def _labels(processor: Component) -> Iterator[tuple[Path, str]]:
    for path, transform in maps(list_at(processor.config, "transforms"), (*processor.path, "transforms")):
        for where, operation in maps(transform.get("operations"), (*path, "operations")):
            for key in (operation.get("label"), *strings_at(operation, "label_set")):
                if key in IDENTITY:
                    yield where, str(key)


def _expressions(processor: Component) -> Iterator[tuple[Path, str]]:
    """Conditions that call the data point functions, and the older expressions."""
    for path, text in _all_texts(processor.config, processor.path):
        for key in _HAS_LABEL.findall(text):
            yield path, key


def _all_texts(tree: object, path: Path) -> Iterator[tuple[Path, str]]:
    for where, value in walk(tree, *path):
        if isinstance(value, str):
            yield where, value


def _resource_keys(processor: Component) -> Iterator[tuple[Path, str]]:
    if processor.kind == "resource":
        for path, action in maps(list_at(processor.config, "attributes"), (*processor.path, "attributes")):
            if action.get("action") not in ("insert", "upsert") and isinstance(key := action.get("key"), str):
                yield (*path, "key"), key
    if processor.kind == "filter":
        for where, value in _entries(processor.config, processor.path):
            if isinstance(key := value.get("key"), str):
                yield (*where, "key"), key


def _entries(config: Mapping[str, object], path: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    for word in ("include", "exclude"):
        listed = list_at(mapping_at(config, "metrics", word), "resource_attributes")
        yield from maps(listed, (*path, "metrics", word, "resource_attributes"))


def _removal(processor: Component) -> Path | None:
    """Where a processor takes the pid away."""
    if processor.kind == "resource":
        for path, action in maps(list_at(processor.config, "attributes"), (*processor.path, "attributes")):
            if action.get("action") == "delete" and _removes_pid(action):
                return path
    if processor.kind == "transform":
        for path, text in _all_texts(processor.config, processor.path):
            kept = _KEEPS_KEYS.search(text)
            if " where " not in text and (_DELETES_PID.search(text) or (kept and PID not in kept[1])):
                return path
    return None


def _removes_pid(action: Mapping[str, object]) -> bool:
    if action.get("key") == PID:
        return True
    try:
        return isinstance(pattern := action.get("pattern"), str) and re.search(pattern, PID) is not None
    except re.error:
        return False
