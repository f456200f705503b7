"""Text of requests, bounded, and such that a database, a file and an answer can hold it: no NUL, no half of a character."""

from typing import Annotated, Any, cast

from fastapi import Path, Query
from pydantic import AfterValidator, Field

from phoenix.domain.load.profile import PROFILE_NAME

WITHOUT_NUL = r"^[^\x00]*$"
"""Half characters (lone surrogates) are refused by pydantic wherever text has bounds."""

MOST_TARGETS = 1000
"""In one request."""

MOST_SETTINGS = 200

LONGEST_CONFIG = 2**20
"""Characters; what is read as YAML has at most as many bytes."""

_DEEPEST = 32

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=WITHOUT_NUL)]

Reason = Annotated[
    str,
    Field(max_length=2000, pattern=WITHOUT_NUL, description="Why; kept in the audit."),
]

ConfigText = Annotated[
    str,
    Field(
        max_length=LONGEST_CONFIG, pattern=WITHOUT_NUL, description="A collector configuration, YAML text."
    ),
]

TargetText = Annotated[
    str, Field(min_length=1, max_length=600, pattern=WITHOUT_NUL, examples=["ssh://web-1"])
]

Targets = Annotated[
    list[TargetText],
    Field(
        max_length=MOST_TARGETS,
        description="local, local://NAME, ssh://[USER@]HOST[:PORT][?sudo=true], a saved name, block:NAME, or key=value.",
    ),
]

AskedTargets = Annotated[
    list[TargetText] | None,
    Query(alias="target", max_length=MOST_TARGETS, description="A host; may be given several times."),
]

AskedTarget = Annotated[
    str,
    Query(
        alias="target",
        min_length=1,
        max_length=600,
        pattern=WITHOUT_NUL,
        description="One host, as people write it.",
    ),
]

PathName = Annotated[str, Path(min_length=1, max_length=200, pattern=WITHOUT_NUL)]

ProfileName = Annotated[
    str,
    Field(
        max_length=200,
        pattern=WITHOUT_NUL,
        examples=["realistic"],
        description=f"Of the catalog: {PROFILE_NAME}",
    ),
]

RevisionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]

Scalar = (
    bool
    | Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, Field(max_length=LONGEST_CONFIG, pattern=WITHOUT_NUL)]
)


def refuse_unkeepable(value: Any) -> Any:
    """`value`, a JSON document, where everything in it can be kept and told of.

    Raises:
        ValueError: It is nested too deeply, or some text in it holds NUL or half of a character.
    """
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        if not level:
            return value
        for one in level:
            if isinstance(one, str) and not _is_keepable(one):
                raise ValueError("some text in it holds NUL or half of a character")
        level = [child for one in level for child in _children(one)]
    raise ValueError(f"it is nested deeper than {_DEEPEST} levels")


Value = Annotated[Any, AfterValidator(refuse_unkeepable)]
"""A JSON document of which only the operation knows the form."""


def _children(one: object) -> list[object]:
    if isinstance(one, dict):
        found = cast("dict[object, object]", one)
        return [*found.keys(), *found.values()]
    return cast("list[object]", one) if isinstance(one, list) else []


def _is_keepable(text: str) -> bool:
    return "\x00" not in text and text.encode("utf-8", "replace").decode() == text
