"""/api/v1/targets: hosts that are saved under names."""

import json
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from phoenix.adapters.operations import TargetOperations
from phoenix.api import etags
from phoenix.api.gate.rules import needs
from phoenix.api.routes.requests import Services
from phoenix.api.routes.texts import WITHOUT_NUL, PathName, Targets, TargetText
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import StateError
from phoenix.services.operations.targets import LocalTargets

Document = dict[str, Any]

_MOST_LABELS = 64


class TargetBody(BaseModel):
    """Where a name leads."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"uri": "ssh://ops@web-1.example", "labels": {"role": "web"}}]},
    )

    uri: TargetText = Field(description="local://NAME, ssh://[USER@]HOST[:PORT][?sudo=true], or block:NAME.")
    labels: dict[
        Annotated[str, Field(min_length=1, max_length=320, pattern=WITHOUT_NUL)],
        Annotated[str, Field(max_length=63, pattern=WITHOUT_NUL)],
    ] = Field(
        default_factory=dict[str, str], max_length=_MOST_LABELS, description="What it can be selected by."
    )


class TextsBody(BaseModel):
    """Texts that may lead to hosts."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"targets": ["role=web", "local"]}]}
    )

    targets: Targets


router = APIRouter(prefix="/targets", tags=["targets"])


async def operations(phoenix: Services) -> LocalTargets:
    """For who asks."""
    return phoenix.target_operations()


Operations = Annotated[LocalTargets, Depends(operations)]


@router.get("", operation_id="targets.list", openapi_extra=needs(Role.VIEWER))
def list_them(
    saved: Operations,
    selector: Annotated[
        str | None,
        Query(min_length=1, max_length=2000, pattern=WITHOUT_NUL, description="key=value[,key=value]..."),
    ] = None,
) -> Document:
    """The targets that are kept, by name; with a selector those that carry all its labels."""
    return saved.list(selector=selector)


@router.post("/check", operation_id="targets.check", openapi_extra=needs(Role.VIEWER))
def check(saved: Operations, body: TextsBody) -> Document:
    """Which hosts some texts lead to; none of them is opened."""
    return saved.check(body.targets)


@router.get("/{name}", operation_id="targets.get", openapi_extra=needs(Role.VIEWER))
def get(saved: Operations, name: PathName, request: Request, response: Response) -> Any:
    """A target that is kept."""
    found = saved.get(name)
    tag = _tag(found)
    if etags.is_known(request, tag):
        return etags.not_modified(tag)
    response.headers["ETag"] = tag
    return found


@router.put(
    "/{name}",
    operation_id="targets.save",
    openapi_extra=needs(Role.OPERATOR),
    responses={201: {"description": "It is new."}},
)
def save(
    saved: Operations, name: PathName, body: TargetBody, request: Request, response: Response
) -> Document:
    """Keep a target under a name, or change the one of that name."""
    before = _known(saved, name)
    _demand(request, before, name)
    now = saved.save(name, body.uri, body.labels)
    response.status_code = 201 if before is None else 200
    response.headers["ETag"] = _tag(now)
    return now


@router.delete("/{name}", operation_id="targets.remove", openapi_extra=needs(Role.OPERATOR))
def remove(saved: Operations, name: PathName, request: Request) -> Document:
    """Forget a target; what runs on its host stays."""
    etags.demand(request, _tag(saved.get(name)))
    return saved.remove(name)


def _known(operations: TargetOperations, name: str) -> Document | None:
    try:
        return operations.get(name)
    except StateError:
        return None


def _demand(request: Request, before: Document | None, name: str) -> None:
    """Hold If-Match against what there is; where there is nothing, no state of it can be meant."""
    if before is not None:
        etags.demand(request, _tag(before))
    elif "if-match" in request.headers:
        raise StateError(
            f"No target is saved as {name!r} any more.",
            code="changed_meanwhile",
            hint="leave out If-Match to save a new one",
        )


def _tag(target: Document) -> str:
    return etags.tag(sha256(json.dumps(target, sort_keys=True).encode()).hexdigest()[:32])
