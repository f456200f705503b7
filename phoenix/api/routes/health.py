"""/healthz and /readyz, open to everybody; /metrics, for who may look."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from phoenix.api.gate.rules import METRICS_PATH, needs
from phoenix.api.routes.requests import Services
from phoenix.api.telemetry import Telemetry
from phoenix.domain.access.roles import Role
from phoenix.domain.errors import PhoenixError

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="health.live", openapi_extra=needs(None))
def live() -> dict[str, str]:
    """The server answers."""
    return {"status": "ok"}


@router.get("/readyz", operation_id="health.ready", openapi_extra=needs(None))
def ready(phoenix: Services, response: Response) -> dict[str, str]:
    """The store answers too; 503 where it does not. Strangers are told no more than that."""
    try:
        phoenix.store.newest_event()
    except PhoenixError:
        response.status_code = 503
        return {"status": "the store does not answer"}
    return {"status": "ok"}


@router.get(METRICS_PATH, operation_id="health.metrics", openapi_extra=needs(Role.VIEWER))
def metrics(phoenix: Services, request: Request) -> Response:
    """Prometheus exposition; a scraper sends a token."""
    telemetry: Telemetry = request.app.state.telemetry
    telemetry.look(phoenix.store)
    return Response(generate_latest(telemetry.registry), media_type=CONTENT_TYPE_LATEST)
