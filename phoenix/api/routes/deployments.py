"""/api/v1/deployments, /hosts and /revisions: pipelines on hosts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from phoenix.api.gate.rules import needs
from phoenix.api.routes.pipeline_requests import DeploymentBody, HostsBody, PlacedBody, RollbackBody
from phoenix.api.routes.requests import Asker, Services
from phoenix.api.routes.texts import AskedTarget, AskedTargets
from phoenix.domain.access.roles import Role
from phoenix.services.operations.deployments import LocalDeployments

Document = dict[str, Any]

_LARGEST = 2**31 - 1


router = APIRouter(tags=["deployments"])


async def operations(phoenix: Services, by: Asker) -> LocalDeployments:
    """For who asks."""
    return phoenix.deployment_operations(by)


Operations = Annotated[LocalDeployments, Depends(operations)]


@router.get("/deployments", operation_id="deployments.list", openapi_extra=needs(Role.VIEWER))
def list_them(deployments: Operations) -> Document:
    """What serves, by name, pipeline and version, with its hosts."""
    return deployments.list()


@router.post("/deployments", operation_id="deployments.deploy", openapi_extra=needs(Role.OPERATOR))
def deploy(body: DeploymentBody, deployments: Operations, request: Request) -> Document:
    """Let a pipeline serve: beside what serves there, with data flow, then the switch; a row for each host."""
    request.state.reason = body.reason
    return deployments.deploy(
        body.targets,
        pipeline=body.pipeline,
        settings=body.texts(),
        config=body.config,
        name=body.name,
        on_failure=body.on_failure,
    )


@router.post("/deployments/preview", operation_id="deployments.preview", openapi_extra=needs(Role.VIEWER))
def preview(body: PlacedBody, deployments: Operations) -> Document:
    """What a deployment would do on each host, with the difference. Nothing is changed."""
    return deployments.preview(
        body.targets, pipeline=body.pipeline, settings=body.texts(), config=body.config, name=body.name
    )


@router.post("/deployments/rollback", operation_id="deployments.rollback", openapi_extra=needs(Role.OPERATOR))
def rollback(body: RollbackBody, deployments: Operations, request: Request) -> Document:
    """Let an earlier revision serve again; the active one's own number repairs what drifted."""
    request.state.reason = body.reason
    return deployments.rollback(body.targets, body.to)


@router.post("/deployments/delete", operation_id="deployments.delete", openapi_extra=needs(Role.OPERATOR))
def delete(body: HostsBody, deployments: Operations, request: Request) -> Document:
    """Take what serves on hosts, and all that they keep of earlier revisions, off them."""
    request.state.reason = body.reason
    return deployments.delete(body.targets)


@router.get("/deployments/overlap", operation_id="deployments.overlap", openapi_extra=needs(Role.VIEWER))
def overlap(deployments: Operations, targets: AskedTargets = None) -> Document:
    """Which experiments, load runs and deployments are on these hosts already."""
    return deployments.overlap(targets or ())


@router.get("/hosts", operation_id="hosts.list", openapi_extra=needs(Role.VIEWER))
def hosts(deployments: Operations, targets: AskedTargets = None) -> Document:
    """How what serves is doing; every host with a pipeline if none is named."""
    return deployments.statuses(targets or ())


@router.get("/revisions", operation_id="revisions.list", openapi_extra=needs(Role.VIEWER))
def history(deployments: Operations, target: AskedTarget) -> Document:
    """The revisions of a host, newest first: what served, when, and why."""
    return deployments.history(target)


@router.get("/revisions/diff", operation_id="revisions.diff", openapi_extra=needs(Role.VIEWER))
def diff(
    deployments: Operations,
    target: AskedTarget,
    before: Annotated[
        int | None, Query(ge=1, le=_LARGEST, alias="from", description="The previous one if left out.")
    ] = None,
    after: Annotated[
        int | None, Query(ge=1, le=_LARGEST, alias="to", description="The active one if left out.")
    ] = None,
) -> Document:
    """How the configurations of two revisions of a host differ, as `diff -u` shows it."""
    return {"diff": deployments.diff(target, before, after)}


@router.get("/revisions/{number}", operation_id="revisions.get", openapi_extra=needs(Role.VIEWER))
def revision(
    deployments: Operations, target: AskedTarget, number: Annotated[int, Path(ge=1, le=_LARGEST)]
) -> Document:
    """One revision of a host, with its configuration."""
    return deployments.revision(target, number)
