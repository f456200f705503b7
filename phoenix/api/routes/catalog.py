"""/api/v1/catalog: what there is to run."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from phoenix.api.gate.rules import needs
from phoenix.api.routes.requests import Services
from phoenix.api.routes.texts import LONGEST_CONFIG, MOST_SETTINGS, WITHOUT_NUL, PathName
from phoenix.domain.access.roles import Role
from phoenix.domain.settings_text import parse_settings
from phoenix.services.operations.pipelines import LocalPipelines

Document = dict[str, Any]

Settings = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_CONFIG, pattern=WITHOUT_NUL)]] | None,
    Query(alias="set", max_length=MOST_SETTINGS, description="NAME=VALUE; may be given several times."),
]


router = APIRouter(prefix="/catalog", tags=["catalog"])


async def operations(phoenix: Services) -> LocalPipelines:
    """For who asks."""
    return phoenix.pipeline_operations()


Operations = Annotated[LocalPipelines, Depends(operations)]


@router.get("/pipelines", operation_id="pipelines.list", openapi_extra=needs(Role.VIEWER))
def list_them(pipelines: Operations) -> Document:
    """Every pipeline of the catalog in short."""
    return pipelines.list()


@router.get("/pipelines/{name}", operation_id="pipelines.get", openapi_extra=needs(Role.VIEWER))
def pipeline(pipelines: Operations, name: PathName, settings: Settings = None) -> Document:
    """A pipeline by name or alias: its page, its parameters, and the configuration it becomes."""
    return pipelines.get(name, parse_settings(settings or (), "set="))


@router.get("/loads", operation_id="loads.profiles", openapi_extra=needs(Role.VIEWER))
def loads(pipelines: Operations) -> Document:
    """Every load profile of the catalog, and what it takes of a host."""
    return pipelines.load_profiles()
