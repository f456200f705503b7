"""Phoenix's events on a Prefect server, where automations and the event feed see them."""

from collections.abc import Mapping, Sequence

from phoenix.adapters.ports import EventFeed
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.domain.announcement import Announcement
from phoenix.domain.errors import DependencyError

REQUEST_SECONDS = 5.0
"""A server that hangs keeps one thread busy, and the end of a run, for so long at most."""


class PrefectEvents(EventFeed):
    """Sends events by one request that the server answers, not by its client's queue: what was not taken is known.

    Args:
        url: The value of PREFECT_API_URL.
        environ: Where PREFECT_API_KEY or PREFECT_API_AUTH_STRING is, if the server wants one.
    """

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        self._api = PrefectApi(url, environ, REQUEST_SECONDS)

    def send(self, announcements: Sequence[Announcement]) -> None:
        if self._api.post("/events", [_event(announcement) for announcement in announcements]) is None:
            raise DependencyError("The Prefect server takes no events.", code="prefect_refused")


def _event(announcement: Announcement) -> dict[str, object]:
    resource = {
        "prefect.resource.id": announcement.resource,
        "prefect.resource.name": announcement.name,
    }
    related = {
        "prefect.resource.id": f"prefect.flow-run.{announcement.flow_run}",
        "prefect.resource.role": "flow-run",
    }
    return {
        "id": str(announcement.id),
        "event": announcement.event,
        "occurred": announcement.at.isoformat(),
        "resource": resource,
        "related": [related] if announcement.flow_run else [],
        "payload": dict(announcement.payload),
    }
