"""How the JSON schema of a spec is written, so that a form made from it is one that people can fill in.

Prefect's form, and any other, shows a field's title and description, and a choice of types where a schema has `anyOf`.
Only the schema is about looks: what a model accepts is not changed here.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.fields import ComputedFieldInfo, FieldInfo

_BOUNDS = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "above"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "below"),
)
_UNBOUNDED = 2**31
"""A bound from here on is one of the machine's; it tells a person nothing."""

_SIMPLE = ("string", "integer", "number", "boolean")


def title_of(name: str, _field: FieldInfo | ComputedFieldInfo) -> str:
    """`maximum_duration` as a person reads it."""
    return name.replace("_", " ").capitalize()


def as_form(schema: dict[str, Any]) -> None:
    """Write a model's schema for a form: simple values that may be left out are plain fields, bounds stand in the help.

    For `json_schema_extra` of a model's configuration; `title_of` for its `field_title_generator`.
    """
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        if name not in required:
            _without_null(field)
        if bounds := _bounds_in_words(field):
            field["description"] = f"{field.get('description', '')} {bounds}".strip()


def _without_null(field: dict[str, Any]) -> None:
    """Leaving a field out says the same as null, and needs no choice between two types."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1 and kinds[0].get("type") in _SIMPLE and field.get("default") is None:
        del field["anyOf"]
        field.pop("default", None)
        field.update(kinds[0])


def _bounds_in_words(field: Mapping[str, Any]) -> str:
    found = ((field.get(key), word) for key, word in _BOUNDS)
    words = [f"{word} {bound:,g}" for bound, word in found if bound is not None and bound < _UNBOUNDED]
    return f"{' and '.join(words).capitalize()}." if words else ""
