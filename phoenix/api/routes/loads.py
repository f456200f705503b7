"""/api/v1/loads: simulated processes on hosts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from phoenix.adapters.operations import LOADS_AT_ONCE, MOST_IN_A_PAGE
from phoenix.api.gate.rules import API, needs
from phoenix.api.routes.requests import ReasonBody, Services, reason_of
from phoenix.api.routes.texts import MOST_SETTINGS, Name, PathName, ProfileName, Reason, Targets, Value
from phoenix.domain.access.roles import Role
from phoenix.domain.load.profile import MAXIMUM_CHURN, MAXIMUM_PROCESSES
from phoenix.services.operations.loads import LocalLoads

Document = dict[str, Any]

_ASKED = "asked for over the API"


class LoadBody(BaseModel):
    """A load, and where it is to stand: on hosts, or on those of an experiment."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [{"profile": "realistic", "processes": 300, "targets": ["web-1"], "duration": "30m"}]
        },
    )

    profile: ProfileName = "realistic"
    processes: int | None = Field(
        default=None,
        ge=1,
        le=MAXIMUM_PROCESSES,
        description="Standing processes on each host; else the profile's.",
    )
    churn_rate: float | None = Field(
        default=None,
        ge=0,
        le=MAXIMUM_CHURN,
        allow_inf_nan=False,
        alias="churnRate",
        description="Short-lived processes per second; else the profile's.",
    )
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="The same seed, the same processes.")
    settings: dict[Name, Value] = Field(
        default_factory=dict[str, Any],
        max_length=MOST_SETTINGS,
        description="Changes to the profile by dotted path.",
        examples=[{"patterns.0.cpu.cores": 0.1}],
    )
    targets: Targets = Field(default_factory=list[str])
    experiment: Name | None = Field(
        default=None, description="Load this experiment's hosts, and end with it; name or id."
    )
    duration: str | None = Field(
        default=None,
        max_length=100,
        description="After it the load ends by itself; 30m if left out.",
        examples=["30m"],
    )
    name: Name | None = Field(default=None, description="The run's name; the profile's if left out.")
    reason: Reason = ""


router = APIRouter(prefix="/loads", tags=["loads"])


async def operations(phoenix: Services) -> LocalLoads:
    """For who asks."""
    return phoenix.load_operations()


Operations = Annotated[LocalLoads, Depends(operations)]


@router.get("", operation_id="loads.list", openapi_extra=needs(Role.VIEWER))
def list_them(
    loads: Operations, limit: Annotated[int, Query(ge=1, le=MOST_IN_A_PAGE)] = LOADS_AT_ONCE
) -> Document:
    """The newest load runs, newest first, and every one that is not over, however old."""
    return loads.list(limit=limit)


@router.post("", status_code=201, operation_id="loads.start", openapi_extra=needs(Role.OPERATOR))
def start(body: LoadBody, loads: Operations, request: Request, response: Response) -> Document:
    """Start a load; it comes to stand in the background, and its state tells of that."""
    request.state.reason = body.reason
    started = loads.start(
        profile=body.profile,
        processes=body.processes,
        churn_rate=body.churn_rate,
        seed=body.seed,
        settings=body.settings,
        targets=body.targets,
        experiment=body.experiment,
        duration=body.duration,
        name=body.name,
    )
    response.headers["Location"] = f"{API}/loads/{started['id']}"
    return started


@router.get("/{reference}", operation_id="loads.get", openapi_extra=needs(Role.VIEWER))
def get(reference: PathName, loads: Operations) -> Document:
    """A load run, host by host."""
    return loads.get(reference)


@router.post("/{reference}/stop", operation_id="loads.stop", openapi_extra=needs(Role.OPERATOR))
def stop(
    reference: PathName, loads: Operations, request: Request, body: ReasonBody | None = None
) -> Document:
    """Ask for the end of a load; it ends in the background, and its state tells of that."""
    return loads.stop(reference, reason_of(request, body, _ASKED))
