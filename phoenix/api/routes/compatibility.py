"""Where the first Phoenix had its routes: each leads to what there is now.

Redirects only, and none of them in the OpenAPI document: to whom they lead asks for the role that it needs. 308 keeps
method and body; what was a POST and is now only looked at is a 303.
"""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from phoenix.api.gate.rules import API

_SAME, _LOOK = 308, 303


class _Move(NamedTuple):
    methods: str
    old: str
    new: str
    status: int = _SAME


MOVES = (
    _Move("GET", "/pipelines", "/catalog/pipelines"),
    _Move("GET", "/pipelines/templates", "/catalog/pipelines"),
    _Move("GET", "/pipelines/status", "/hosts"),
    _Move("GET POST", "/pipelines/deployments", "/deployments"),
    _Move("POST", "/pipelines/quick-deploy", "/deployments"),
    _Move("POST", "/pipelines/preview", "/pipelines/render"),
    _Move("GET", "/pipelines/{name}", "/catalog/pipelines/{name}"),
    _Move("GET", "/fleet/status", "/hosts"),
    _Move("GET", "/fleet/map", "/hosts"),
    _Move("GET", "/loadsimulations/profiles", "/catalog/loads"),
    _Move("GET POST", "/loadsimulations", "/loads"),
    _Move("GET", "/loadsimulations/{name}", "/loads/{name}"),
    _Move("POST", "/loadsimulations/{name}/stop", "/loads/{name}/stop"),
    _Move("GET", "/load-simulations/profiles", "/catalog/loads"),
    _Move("GET POST", "/load-simulations", "/loads"),
    _Move("GET", "/load-simulations/{name}", "/loads/{name}"),
    _Move("GET", "/experiments/check-overlap", "/deployments/overlap"),
    _Move("POST", "/experiments/check-overlap", "/deployments/overlap", _LOOK),
    _Move("POST", "/experiments/wizard", "/experiments"),
    _Move("GET", "/experiments/{name}/kpis", "/experiments/{name}/comparison"),
    _Move("POST", "/experiments/{name}/kpis", "/experiments/{name}/comparison", _LOOK),
    _Move("GET", "/experiments/{name}/analyze", "/experiments/{name}/comparison"),
    _Move("POST", "/experiments/{name}/analyze", "/experiments/{name}/comparison", _LOOK),
    _Move("POST", "/experiments/{name}/rollback/instant", "/experiments/{name}/rollback"),
)
"""Fixed paths before those with a name in them."""


def _redirect(move: _Move) -> Callable[[Request], Response]:
    def redirect(request: Request) -> Response:
        # Quoted anew: what was decoded may be anything, and stands in a header now.
        names = {key: quote(value, safe="") for key, value in request.path_params.items()}
        query = request.scope["query_string"].decode("latin-1")
        place = f"{API}{move.new.format(**names)}{'?' if query else ''}{query}"
        return Response(status_code=move.status, headers={"Location": place})

    return redirect


router = APIRouter(include_in_schema=False)
"""To be included before the routes of experiments, one of which would take a fixed path for a name."""

for _move in MOVES:
    router.add_api_route(_move.old, _redirect(_move), methods=_move.methods.split())
