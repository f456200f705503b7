"""The old notation of filters: `include` and `exclude` with metric names and resource attributes."""

from collections.abc import Iterator, Mapping

from phoenix.domain.rules.ottl import matches
from phoenix.domain.rules.vocabulary import DEFAULT_METRICS, EXECUTABLE
from phoenix.domain.trees import list_at, mapping_at, strings_at, walk


def drops_as_exclude(selector: Mapping[str, object], name: str) -> bool:
    """Whether `exclude` certainly drops the process: every attribute it asks for is the name, and matches."""
    attributes = [mapping_at(entry) for entry in list_at(selector, "resource_attributes")]
    if attributes:
        return all(
            a.get("key") == EXECUTABLE and _matches(selector, a.get("value"), name) for a in attributes
        )
    return _names_every_metric(selector)


def drops_as_include(selector: Mapping[str, object], name: str) -> bool:
    """Whether `include` certainly drops the process: it asks for another name, or for metrics it does not have."""
    attributes = [mapping_at(entry) for entry in list_at(selector, "resource_attributes")]
    by_name = [a for a in attributes if a.get("key") == EXECUTABLE]
    if by_name:
        return not all(_matches(selector, a.get("value"), name) for a in by_name)
    names = strings_at(selector, "metric_names")
    if attributes or not names:
        return False
    return not any(_matches(selector, pattern, metric) for pattern in names for metric in DEFAULT_METRICS)


def selector_words(metrics: Mapping[str, object]) -> list[str]:
    """Every text in the selectors: names that they may mean."""
    return list(_texts(mapping_at(metrics, "include"))) + list(_texts(mapping_at(metrics, "exclude")))


def _texts(tree: object) -> Iterator[str]:
    return (value for _, value in walk(tree) if isinstance(value, str))


def _names_every_metric(selector: Mapping[str, object]) -> bool:
    patterns = strings_at(selector, "metric_names")
    return all(any(_matches(selector, pattern, metric) for pattern in patterns) for metric in DEFAULT_METRICS)


def _matches(selector: Mapping[str, object], wanted: object, value: str) -> bool:
    if not isinstance(wanted, str):
        return False
    wanted = wanted.replace("$$", "$")
    return matches(wanted, value) is True if selector.get("match_type") == "regexp" else wanted == value
