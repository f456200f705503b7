"""From where a request comes: the name it was addressed to, and the page that made it."""

import ipaddress

from starlette.datastructures import Headers

from phoenix.api.options import ServerOptions
from phoenix.domain.errors import SpecError, StateError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_foreign_name(headers: Headers, options: ServerOptions) -> None:
    """Against DNS rebinding: a page of another name that leads to our address is not ours.

    Raises:
        SpecError: Code `unknown_host_name`.
    """
    name = _name_of(headers.get("host", ""))
    if _is_address(name) or name in options.host_names():
        return
    raise SpecError(
        f"This server does not answer as {name!r}.",
        code="unknown_host_name",
        hint="start it with --public-url or --name for the names by which people reach it",
    )


def refuse_foreign_page(headers: Headers, options: ServerOptions, *, is_demanded: bool) -> None:
    """Refuse what a page of another origin wants.

    Args:
        headers: Of the request.
        options: Which origins are ours.
        is_demanded: Whether a request without an Origin is refused too, as for a WebSocket that comes with a cookie.

    Raises:
        StateError: Code `foreign_origin`.
    """
    origin = headers.get("origin")
    if (
        origin is None
        and not is_demanded
        and headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    ):
        return
    if origin is not None and origin.lower() in options.origins(headers.get("host", "")):
        return
    raise StateError(
        f"A page of {origin or 'an unknown origin'} may change nothing here.",
        code="foreign_origin",
        hint="use the console of this very server; programs send a token and no Origin",
    )


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    """An address was not looked up, so that nobody could have bent it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
