"""Settings: changes to a load profile's document by dotted path, as `--set` and `LoadSpec.settings` give them."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.alias_generators import to_snake

from phoenix.domain.durations import parse_duration
from phoenix.domain.errors import SpecError
from phoenix.domain.findings import Finding, Severity
from phoenix.domain.load.profile import LoadProfile, parse_profile
from phoenix.domain.paths import join_path
from phoenix.domain.trees import list_at, mapping_at, plain

_Path = tuple[str | int, ...]

_FIXED = ("name", "description", "aliases")
"""What a profile is called is not changed by what it is asked to do."""

_HOW_MANY = ("count", "weight", "churn")


class _Leaf(StrEnum):
    """How a text that is the value of a field is read."""

    VALUE = "value"
    PAIR = "pair"
    MANY = "many"


_Tree = dict[str, Any] | list[Any] | _Leaf
"""What there is to set: by field; a list's one element stands for each of its items."""


def _tree(annotation: Any) -> _Tree:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return {field.alias or name: _tree(field.annotation) for name, field in fields}
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) is tuple:
        item = _tree(parts[0])
        return [item] if isinstance(item, dict) else _Leaf.MANY if parts[-1] is Ellipsis else _Leaf.PAIR
    is_wrapped = get_origin(annotation) in (Annotated, Union, UnionType)
    return _tree(parts[0]) if is_wrapped else _Leaf.VALUE


_PROFILE = {k: v for k, v in cast("dict[str, _Tree]", _tree(LoadProfile)).items() if k not in _FIXED}
_PATTERN = cast("dict[str, _Tree]", cast("list[_Tree]", _PROFILE["patterns"])[0])


def _seconds(value: object) -> object:
    """A duration, or two with a comma between, as seconds."""
    if not isinstance(value, str):
        return value
    return [parse_duration(part.strip()).total_seconds() for part in value.split(",")]


def _as_it_is(value: object) -> object:
    return value


def _template(value: object) -> object:
    return value.replace("%d", "{n}") if isinstance(value, str) else value


_FORMER: Mapping[str, tuple[tuple[str, ...], Callable[[object], object]]] = {
    "nameTemplate": (("names",), _template),
    "cpuPattern": (("cpu", "shape"), _as_it_is),
    "memPattern": (("memory", "shape"), _as_it_is),
    "lifetime": (("lifetimeSeconds",), _seconds),
}
"""Spellings of former versions, for the last part of a path: the field, and its value from theirs."""


class _NotThereError(Exception):
    """There is no such field; why, and what would be right."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def profile_with(document: Mapping[str, object], settings: Mapping[str, object]) -> LoadProfile:
    """The profile of a document, changed by settings.

    Raises:
        SpecError: With every fault. Paths are those of a `LoadSpec`: `settings.KEY` where a setting is at fault,
            `profile.PATH` where the document is.
    """
    places: dict[str, str] = {}
    try:
        profile = parse_profile(document)
        if not settings:
            return profile
        changed, paths = _changed(document, settings)
        places = {join_path(*path): key for key, path in paths.items()}
        return parse_profile(changed)
    except SpecError as invalid:
        if invalid.code == "wrong_setting":
            raise
        findings = [replace(one, path=_in_spec(one.path, places)) for one in invalid.findings]
        raise SpecError(invalid.message, findings=findings, code=invalid.code) from invalid


def with_settings(document: Mapping[str, object], settings: Mapping[str, object]) -> dict[str, object]:
    """The document of a profile with some values replaced; whether they are right is for `parse_profile` to say.

    A text is read as the field needs it: with commas between where a field holds several, and one for both bounds of a
    range. One of count, weight and churn takes the place of the others.

    Args:
        document: Of a load profile; stays as it is.
        settings: Values by dotted path (`patterns.0.cpu.cores`), in this order; a profile with one pattern knows that
            one's fields by their bare names too.

    Raises:
        SpecError: A path leads nowhere; a finding `settings.KEY` for each, with near names.
    """
    return _changed(document, settings)[0]


def _changed(
    document: Mapping[str, object], settings: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, _Path]]:
    """The changed document, and where in it each setting is."""
    changed = cast("dict[str, object]", plain(document))
    places: dict[str, _Path] = {}
    findings: list[Finding] = []
    for key, value in settings.items():
        try:
            places[key], leaf = _place(changed, key)
            _, from_former = _FORMER.get(key.rpartition(".")[2], ((), _as_it_is))
            _put(changed, places[key], _read(leaf, from_former(value)))
        except _NotThereError as fault:
            findings.append(_finding("unknown_setting", key, fault.reason, fault.fix))
        except ValueError as fault:
            findings.append(_finding("invalid_value", key, str(fault), "correct it as said"))
    if findings:
        first = findings[0]
        message = f"The load profile cannot be set so: {first.reason}."
        raise SpecError(message, findings=findings, code="wrong_setting", hint=first.fix)
    _make_room(changed, set(places.values()))
    return changed, places


def _place(document: Mapping[str, object], key: str) -> tuple[_Path, _Tree]:
    """The way to what a setting names, and how its value is read."""
    *front, last = key.split(".")
    parts = [*front, *_FORMER.get(last, ((last,), _as_it_is))[0]]
    known = [*_PROFILE]
    is_bare = len(list_at(document, "patterns")) == 1 and parts[0] not in _PROFILE
    if is_bare:
        parts, known = ["patterns", "0", *parts], [*known, *_PATTERN]
    tree: _Tree = _PROFILE
    path: _Path = ()
    for part in parts:
        where = "the profile" if not path or (is_bare and len(path) == 2) else ".".join(map(str, path))
        if isinstance(tree, _Leaf):
            raise _NotThereError(f"{where} has no parts", f"set {where} itself")
        if isinstance(tree, list):
            tree, path = cast("_Tree", tree[0]), (*path, _index(document, path, part))
        elif part in tree:
            tree, path = tree[part], (*path, part)
        else:
            raise _unknown(where, part, known if where == "the profile" else [*tree])
    return path, tree


def _index(document: Mapping[str, object], path: _Path, part: str) -> int:
    items = list_at(document, *map(str, path))
    where = ".".join(map(str, path))
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    fix = f"they are numbered 0 to {len(items) - 1}" if items else f"set {where} as a whole, in a file"
    raise _NotThereError(f"there is no {part!r} among the {len(items)} {where} of the profile", fix)


def _unknown(where: str, part: str, known: Sequence[str]) -> _NotThereError:
    near = get_close_matches(part, [*known, *_FORMER], n=2, cutoff=0.5)
    listed = f"known here: {', '.join(known)}"
    fix = f"did you mean {' or '.join(near)}? ({listed})" if near else listed
    return _NotThereError(f"{where} has no field {part!r}", fix)


def _read(leaf: _Tree, value: object) -> object:
    """The document's value for what a setting says."""
    if leaf not in (_Leaf.PAIR, _Leaf.MANY):
        return value
    items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    items = list(cast("Sequence[object]", items)) if isinstance(items, list | tuple) else [items]
    return items * 2 if leaf is _Leaf.PAIR and len(items) == 1 else items


def _put(document: dict[str, object], path: _Path, value: object) -> None:
    node: Any = document
    for part, following in pairwise(path):
        below = node[part] if isinstance(part, int) else node.get(part)
        if isinstance(following, str) and not isinstance(below, dict):
            node[part] = below = {}  # left out, or an earlier setting put something else there
        node = below
    if isinstance(node, dict):
        node.pop(to_snake(str(path[-1])), None)  # a document may spell its fields that way too
    node[path[-1]] = value


def _make_room(document: dict[str, object], given: AbstractSet[_Path]) -> None:
    """Take away what a setting has replaced, although it has another name."""
    patterns = [mapping_at(pattern) for pattern in list_at(document, "patterns")]
    for path in given:
        match path:
            case ("patterns", int() as index, str() as field) if field in _HOW_MANY and index < len(patterns):
                for other in _HOW_MANY:
                    if ("patterns", index, other) not in given:
                        patterns[index].pop(other, None)
                document["patterns"] = patterns
            case _:
                pass
    if ("defaultProcesses",) not in given and not any(pattern.get("weight") for pattern in patterns):
        document.pop("defaultProcesses", None)
        document.pop("default_processes", None)


def _in_spec(path: str, places: Mapping[str, str]) -> str:
    """Where in a `LoadSpec` the fault at a place of the profile comes from."""
    for place, key in places.items():
        if path == place or path.startswith((f"{place}.", f"{place}[")):
            return join_path("settings", key) + path[len(place) :]
    return join_path("profile", path)


def _finding(code: str, key: str, reason: str, fix: str) -> Finding:
    return Finding(Severity.ERROR, code, join_path("settings", key), reason, fix)
