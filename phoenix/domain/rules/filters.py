"""Inverted filters: a `filter` drops what matches, and a rule that was meant to keep the critical processes drops them."""

from collections.abc import Iterator, Mapping, Sequence

from phoenix.domain.findings import Finding, Severity
from phoenix.domain.paths import join_path
from phoenix.domain.rules.context import Component, Context, Path
from phoenix.domain.rules.ottl import PRESENT, evaluate, literal, tokens
from phoenix.domain.rules.samples import critical_names
from phoenix.domain.rules.selectors import drops_as_exclude, drops_as_include, selector_words
from phoenix.domain.rules.statements import Statement, filter_conditions
from phoenix.domain.rules.vocabulary import DEFAULT_METRICS, EXECUTABLE, PID
from phoenix.domain.trees import list_at, mapping_at


def check(context: Context) -> Iterator[Finding]:
    """Filters, in old and new notation, and the scraper's own include and exclude."""
    for processor in context.processors():
        if processor.kind == "filter":
            yield from _conditions(processor, context.critical)
            yield from _selectors(processor, context.critical)
    for scraper in context.process_scrapers():
        yield from _scraper(scraper, context.critical)


def _conditions(processor: Component, critical: Sequence[str]) -> Iterator[Finding]:
    """A process is lost where, for each of its default metrics, some condition is certainly true."""
    conditions = list(filter_conditions(processor))
    words = [literal(t) for c in conditions for t in tokens(c.text) if t.kind == "text"]
    lost: dict[Path, list[str]] = {}
    for name in critical_names(critical, words):
        guilty = [_first_true(conditions, name, metric) for metric in DEFAULT_METRICS]
        if guilty[0] is not None and None not in guilty:
            lost.setdefault(guilty[0].path, []).append(name)
    for path, names in lost.items():
        yield _finding(path, names, "a filter drops what its conditions match", "negate the condition")


def _first_true(conditions: Sequence[Statement], name: str, metric: str) -> Statement | None:
    return next((c for c in conditions if evaluate(c.text, _known(c.context, name, metric)) is True), None)


def _known(context: str, name: str, metric: str) -> Mapping[str, object]:
    """What is certain of a process called `name`, by the paths that mean it in this context."""
    values: dict[str, object] = {
        f'resource.attributes["{EXECUTABLE}"]': name,
        f'resource.attributes["{PID}"]': PRESENT,
    }
    if context == "resource":
        values[f'attributes["{EXECUTABLE}"]'] = name
        values[f'attributes["{PID}"]'] = PRESENT
        return values
    values["metric.name"] = metric
    if context == "metric":
        values["name"] = metric
    return values


def _selectors(processor: Component, critical: Sequence[str]) -> Iterator[Finding]:
    metrics = mapping_at(processor.config, "metrics")
    words = selector_words(metrics)
    names = critical_names(critical, words)
    exclude, include = mapping_at(metrics, "exclude"), mapping_at(metrics, "include")
    if "exclude" in metrics and (lost := [n for n in names if drops_as_exclude(exclude, n)]):
        path = (*processor.path, "metrics", "exclude")
        yield _finding(path, lost, "`exclude` drops what it names", "use `include`, or name what may go")
    if "include" in metrics and (lost := [n for n in names if drops_as_include(include, n)]):
        path = (*processor.path, "metrics", "include")
        yield _finding(path, lost, "`include` drops all that it does not name", "name the critical ones too")


def _scraper(scraper: Component, critical: Sequence[str]) -> Iterator[Finding]:
    for word, inverts in (("exclude", False), ("include", True)):
        selector = mapping_at(scraper.config, word)
        if "names" not in selector:
            continue
        as_attribute = {
            "match_type": selector.get("match_type"),
            "resource_attributes": [{"key": EXECUTABLE, "value": n} for n in list_at(selector, "names")],
        }
        names = critical_names(critical, [str(n) for n in list_at(selector, "names")])
        # Unlike in a filter, the scraper's names are alternatives.
        lost = [n for n in names if _any_named(as_attribute, n) != inverts]
        if lost:
            reason = "the scraper leaves out " + ("all that it does not name" if inverts else "what it names")
            yield _finding((*scraper.path, word, "names"), lost, reason, "name the critical ones accordingly")


def _any_named(selector: Mapping[str, object], name: str) -> bool:
    single = (
        {**selector, "resource_attributes": [entry]} for entry in list_at(selector, "resource_attributes")
    )
    return any(drops_as_exclude(one, name) for one in single)


def _finding(path: Path, names: Sequence[str], how: str, fix: str) -> Finding:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return Finding(
        Severity.WARNING, "inverted_filter", join_path(*path), f"{how}: {shown} (critical) would be lost", fix
    )
