"""How a control plane stands, as the document that programs read."""

from collections.abc import Mapping
from pathlib import Path

from phoenix.adapters.control_plane.state import ControlPlane, PartStatus
from phoenix.services.control_plane.parts import API

DOWN = "down"


def as_document(found: ControlPlane | None, logs: Path) -> Mapping[str, object]:
    """What `phoenix up status -o json` prints; a key is absent where there is nothing to say.

    Args:
        found: How it stands; None where it does not run.
        logs: The folder of its logs.
    """
    if found is None:
        return {"state": DOWN, "parts": [], "prefect": {}, "logs": str(logs)}
    return {
        "state": found.stage.value,
        "since": found.since.isoformat(),
        "supervisor": {"pid": found.supervisor.pid},
        **({"waitingFor": found.words} if found.words else {}),
        "parts": [_part(part) for part in found.parts],
        "prefect": (
            {"apiUrl": found.api_url, "uiUrl": found.ui_url, "ours": found.owns_server}
            if found.api_url
            else {}
        ),
        **_api(found),
        "logs": str(logs),
    }


def _api(found: ControlPlane) -> Mapping[str, object]:
    part = found.part(API)
    return {"api": {"url": part.url}} if part is not None and part.url else {}


def _part(part: PartStatus) -> Mapping[str, object]:
    return {
        "name": part.name,
        "state": part.state.value,
        **({"url": part.url} if part.url else {}),
        **({"pid": part.pid} if part.pid is not None else {}),
        "since": part.since.isoformat(),
        "restarts": part.restarts,
        **({"lastWords": part.words} if part.words else {}),
    }
