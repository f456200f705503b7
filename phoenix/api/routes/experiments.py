"""/api/v1/experiments."""

import csv
import io
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from phoenix.adapters.operations import EVENTS_AT_ONCE, MOST_IN_A_PAGE, PAGE
from phoenix.api import etags
from phoenix.api.gate.rules import needs
from phoenix.api.routes.requests import (
    Asker,
    ExperimentBody,
    PromoteBody,
    ReasonBody,
    Reference,
    Services,
    reason_of,
)
from phoenix.composition import Phoenix
from phoenix.domain.access.roles import Role
from phoenix.services.operations.experiments import LocalExperiments

_ASKED = "asked for over the API"

Document = dict[str, Any]

Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


router = APIRouter(prefix="/experiments", tags=["experiments"])


async def operations(phoenix: Services, by: Asker) -> LocalExperiments:
    """Experiments, for who asks."""
    return phoenix.experiment_operations(by)


Operations = Annotated[LocalExperiments, Depends(operations)]


def current(phoenix: Phoenix, reference: str) -> str:
    """The tag of an experiment as it is now."""
    record = phoenix.experiments.get(reference)
    scrapes = (record.result or {}).get("scrapes", 0)
    return etags.tag(phoenix.store.newest_event(record.id), scrapes, record.phase.value)


def answered(phoenix: Phoenix, response: Response, document: Document) -> Document:
    response.headers["ETag"] = current(phoenix, str(document["id"]))
    return document


@router.get("", operation_id="experiments.list", openapi_extra=needs(Role.VIEWER))
def list_them(
    experiments: Operations,
    limit: Annotated[int, Query(ge=1, le=MOST_IN_A_PAGE)] = PAGE,
    before: Annotated[str | None, Query(max_length=20, description="What `next` said.")] = None,
    phase: Annotated[list[str] | None, Query(description="Only those in one of these.")] = None,
    name: Annotated[str | None, Query(max_length=200)] = None,
) -> Document:
    """Experiments in short, newest first; `next` leads to those behind them."""
    return experiments.list(limit=limit, before=before, phases=tuple(phase or ()), name=name)


@router.post("", status_code=201, operation_id="experiments.create", openapi_extra=needs(Role.OPERATOR))
def create(body: ExperimentBody, experiments: Operations, phoenix: Services, response: Response) -> Document:
    """Check an experiment, record it, and start it unless `start` is false."""
    created = experiments.create(body.document, files=body.files, start=body.start)
    response.headers["Location"] = f"/api/v1/experiments/{created['id']}"
    return answered(phoenix, response, created)


@router.post("/preview", operation_id="experiments.preview", openapi_extra=needs(Role.VIEWER))
def preview(body: ExperimentBody, experiments: Operations) -> Document:
    """What an experiment would run: both configurations, its hosts, warnings. Nothing is recorded."""
    return experiments.preview(body.document, files=body.files)


@router.get("/{reference}", operation_id="experiments.get", openapi_extra=needs(Role.VIEWER))
def get(
    reference: Reference, experiments: Operations, phoenix: Services, request: Request, response: Response
) -> Any:
    """Everything about one, its comparison so far included."""
    tag = current(phoenix, reference)
    if etags.is_known(request, tag):
        return etags.not_modified(tag)
    response.headers["ETag"] = tag
    return experiments.get(reference)


@router.delete("/{reference}", operation_id="experiments.delete", openapi_extra=needs(Role.OPERATOR))
def delete(reference: Reference, experiments: Operations, phoenix: Services, request: Request) -> Document:
    """Forget one that is over: record, history, scrapes, logs, reports."""
    etags.demand(request, current(phoenix, reference))
    return experiments.delete(reference)


@router.post("/{reference}/start", operation_id="experiments.start", openapi_extra=needs(Role.OPERATOR))
def start(
    reference: Reference, experiments: Operations, phoenix: Services, request: Request, response: Response
) -> Document:
    """Begin one that was only recorded."""
    etags.demand(request, current(phoenix, reference))
    return answered(phoenix, response, experiments.start(reference))


@router.post("/{reference}/stop", operation_id="experiments.stop", openapi_extra=needs(Role.OPERATOR))
def stop(
    reference: Reference,
    experiments: Operations,
    phoenix: Services,
    request: Request,
    response: Response,
    body: ReasonBody | None = None,
) -> Document:
    """Ask for its end: it cleans up and says so. One that waits for approval is declined."""
    etags.demand(request, current(phoenix, reference))
    reason = reason_of(request, body, _ASKED)
    return answered(phoenix, response, experiments.stop(reference, reason))


@router.post("/{reference}/promote", operation_id="experiments.promote", openapi_extra=needs(Role.OPERATOR))
def promote(
    reference: Reference,
    experiments: Operations,
    phoenix: Services,
    request: Request,
    response: Response,
    body: PromoteBody | None = None,
) -> Document:
    """Approve one that waits, or promote one that was only reported; it goes on in the background."""
    etags.demand(request, current(phoenix, reference))
    reason = reason_of(request, body, _ASKED)
    variant = body.variant if body else "candidate"
    return answered(phoenix, response, experiments.promote(reference, reason, variant))


@router.post("/{reference}/rollback", operation_id="experiments.rollback", openapi_extra=needs(Role.OPERATOR))
def rollback(
    reference: Reference,
    experiments: Operations,
    phoenix: Services,
    request: Request,
    response: Response,
    body: ReasonBody | None = None,
) -> Document:
    """Take its promotion back; it goes on in the background."""
    etags.demand(request, current(phoenix, reference))
    reason = reason_of(request, body, _ASKED)
    return answered(phoenix, response, experiments.rollback(reference, reason))


@router.get("/{reference}/events", operation_id="experiments.events", openapi_extra=needs(Role.VIEWER))
def events(
    reference: Reference,
    experiments: Operations,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=EVENTS_AT_ONCE)] = EVENTS_AT_ONCE,
) -> Document:
    """Its ledger, oldest first; `cursor` leads on."""
    return experiments.events(reference, after=after, limit=limit)


@router.get("/{reference}/metrics", operation_id="experiments.metrics", openapi_extra=needs(Role.VIEWER))
def metrics(
    reference: Reference,
    experiments: Operations,
    start: Annotated[int | None, Query(ge=1, le=2**31 - 1, alias="from", description="First scrape.")] = None,
    end: Annotated[int | None, Query(ge=1, le=2**31 - 1, alias="to", description="Last scrape.")] = None,
    points: Annotated[int, Query(ge=1, le=10_000, description="At most so many a host.")] = 500,
    host: Annotated[str | None, Query(max_length=500)] = None,
) -> Document:
    """What each scrape showed, by host and metric, thinned to `points`."""
    return experiments.metrics(reference, start=start, end=end, points=points, host=host)


@router.get(
    "/{reference}/comparison", operation_id="experiments.comparison", openapi_extra=needs(Role.VIEWER)
)
def comparison(
    reference: Reference,
    experiments: Operations,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Any:
    """Both variants' figures, the effects with their intervals, and every criterion; a row a metric."""
    found = experiments.comparison(reference)
    return found if form == "json" else _csv(found["items"])


@router.get("/{reference}/report", operation_id="experiments.report", openapi_extra=needs(Role.VIEWER))
def report(reference: Reference, experiments: Operations) -> Response:
    """The report: one HTML page that needs no network and no script."""
    return Response(
        experiments.report(reference),
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"},
    )


_COLUMNS = ("metric", "baseline", "candidate", "reduction", "lower", "upper", "criteria", "passed")


def _csv(rows: list[dict[str, Any]]) -> Response:
    buffer = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return Response(buffer.getvalue(), media_type="text/csv; charset=utf-8")
