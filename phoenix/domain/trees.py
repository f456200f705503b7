"""Looking into a parsed document whose shape nobody has checked yet: what is not there, or is something else, is empty."""

from collections.abc import Iterator, Mapping
from typing import cast


def mapping_at(tree: object, *keys: str) -> dict[str, object]:
    """The mapping below `keys`; empty if there is none."""
    for key in keys:
        tree = cast("Mapping[str, object]", tree).get(key) if isinstance(tree, Mapping) else None
    return dict(cast("Mapping[str, object]", tree)) if isinstance(tree, Mapping) else {}


def list_at(tree: object, *keys: str) -> list[object]:
    """The list below `keys`; empty if there is none."""
    found = mapping_at(tree, *keys[:-1]).get(keys[-1]) if keys else tree
    return list(cast("list[object]", found)) if isinstance(found, list) else []


def strings_at(tree: object, *keys: str) -> list[str]:
    """The texts of the list below `keys`; what is no text is left out."""
    return [item for item in list_at(tree, *keys) if isinstance(item, str)]


def plain(tree: object) -> object:
    """The same tree of dictionaries and lists only, for writers that know nothing else."""
    if isinstance(tree, Mapping):
        return {key: plain(value) for key, value in cast("Mapping[str, object]", tree).items()}
    if isinstance(tree, list | tuple):
        return [plain(item) for item in cast("list[object]", tree)]
    return tree


def component_type(name: str) -> str:
    """`filter` of `filter/noise`."""
    return name.partition("/")[0].strip()


def walk(tree: object, *path: str | int) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value below `tree` with the way to it, parents first."""
    yield path, tree
    if isinstance(tree, Mapping):
        for key, value in cast("Mapping[str, object]", tree).items():
            yield from walk(value, *path, key)
    elif isinstance(tree, list):
        for index, item in enumerate(cast("list[object]", tree)):
            yield from walk(item, *path, index)
