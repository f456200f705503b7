"""ETag and If-Match: whoever changes something may say which state of it he saw.

The tag of an experiment names its newest ledger event and how many scrapes its result rests on. If-Match holds where
the ledger is where it was: a further scrape alone makes nobody's decision stale.
"""

from starlette.requests import Request
from starlette.responses import Response

from phoenix.domain.errors import StateError

ANY = "*"


def tag(*parts: object) -> str:
    """A strong entity tag of what identifies a state; the first part is what `demand` compares."""
    return '"' + ".".join(str(part) for part in parts) + '"'


def is_known(request: Request, current: str) -> bool:
    """Whether the client has this very state already (If-None-Match)."""
    return current in _tags(request.headers.get("if-none-match", ""))


def demand(request: Request, current: str) -> None:
    """Hold If-Match, where it was sent, against the state that there is.

    Raises:
        StateError: Code `changed_meanwhile`.
    """
    given = request.headers.get("if-match")
    if given is None:
        return
    tags = _tags(given)
    if ANY in tags or _first(current) in {_first(one) for one in tags}:
        return
    raise StateError(
        "It has changed since you looked.",
        code="changed_meanwhile",
        hint="look again, and decide anew",
        details={"current": current},
    )


def not_modified(current: str) -> Response:
    return Response(status_code=304, headers={"ETag": current})


def _first(tag_text: str) -> str:
    return tag_text.strip('"').partition(".")[0]


def _tags(header: str) -> list[str]:
    return [part.strip().removeprefix("W/") for part in header.split(",") if part.strip()]
