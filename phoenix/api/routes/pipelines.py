"""/api/v1/pipelines: pipelines before they serve anywhere. Nothing is kept, nothing is started."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from phoenix.api.gate.rules import needs
from phoenix.api.routes.pipeline_requests import PipelineBody
from phoenix.api.routes.requests import Services
from phoenix.domain.access.roles import Role
from phoenix.services.operations.pipelines import LocalPipelines

Document = dict[str, Any]


router = APIRouter(prefix="/pipelines", tags=["pipelines"])


async def operations(phoenix: Services) -> LocalPipelines:
    """For who asks."""
    return phoenix.pipeline_operations()


Operations = Annotated[LocalPipelines, Depends(operations)]


@router.post("/validate", operation_id="pipelines.validate", openapi_extra=needs(Role.VIEWER))
def validate(pipelines: Operations, body: PipelineBody) -> Document:
    """Check a pipeline in full, by the rules and by the collector; `valid` is what has no finding at all."""
    return pipelines.validate(pipeline=body.pipeline, settings=body.texts(), config=body.config)


@router.post("/render", operation_id="pipelines.render", openapi_extra=needs(Role.VIEWER))
def render(pipelines: Operations, body: PipelineBody) -> Document:
    """The configuration that would serve, as YAML text, with its version and what the rules say."""
    return pipelines.render(pipeline=body.pipeline, settings=body.texts(), config=body.config)
