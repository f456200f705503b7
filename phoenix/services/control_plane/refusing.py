"""What is refused before anything is started."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from phoenix.adapters.free_ports import is_free
from phoenix.adapters.prefect.api import PrefectApi
from phoenix.domain.errors import DependencyError, SpecError, StateError
from phoenix.services.control_plane.parts import Wanted

DATABASE_VARIABLES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
"""Either says where Prefect keeps its database; the first wins."""


def refuse_impossible(wanted: Wanted, environ: Mapping[str, str]) -> None:
    """Let pass what can be started.

    Raises:
        SpecError: The URL is none that can be used.
        StateError: The port is taken, or SQLite is to serve several workers.
        DependencyError: No Prefect server answers at the URL.
    """
    if wanted.api_port and not is_free(wanted.api_port):
        raise StateError(
            f"Port {wanted.api_port} is taken.",
            code="port_taken",
            hint="another --api-port, or --api-port 0 for any free one",
        )
    if wanted.prefect_url is not None:
        refuse_url(wanted.prefect_url)
        if PrefectApi(wanted.prefect_url, environ).get("/health") is None:
            raise DependencyError(
                f"There is no Prefect API at {wanted.prefect_url}.",
                code="no_prefect_api",
                hint="its URL ends with /api, as in http://127.0.0.1:4200/api",
            )
        return
    if wanted.workers > 1 and not is_postgresql(prefect_database(environ)):
        raise StateError(
            f"{wanted.workers} workers need PostgreSQL for Prefect's database: on SQLite they lock each other out "
            '("database is locked", PrefectHQ/prefect#18934).',
            code="sqlite_with_workers",
            hint=f"set {DATABASE_VARIABLES[0]} to postgresql+asyncpg://..., see docs/scale-out.md; or take one worker",
        )
    if wanted.port and not is_free(wanted.port):
        raise StateError(
            f"Port {wanted.port} is taken.",
            code="port_taken",
            hint="another --port, --port 0 for any free one, or --prefect-url for a Prefect server that listens there",
        )


def refuse_url(url: str) -> None:
    """Let pass what can be the address of a Prefect server.

    Raises:
        SpecError: It is none, or holds a password.
    """
    parts = urlsplit("")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        shown = "What was given" if "@" in url else repr(url)  # before an @ may stand a password
        raise SpecError(
            f"{shown} is no address of a Prefect server.",
            code="invalid_prefect_url",
            hint="it looks like http://127.0.0.1:4200/api",
        )
    if parts.username or parts.password:
        raise SpecError(
            "The address of the Prefect server holds a password, which logs and process tables would show.",
            code="secret_in_url",
            hint="give it as PREFECT_API_AUTH_STRING or PREFECT_API_KEY in the environment",
        )


def prefect_database(environ: Mapping[str, str] = os.environ) -> str | None:
    """The URL of Prefect's database, where the environment names one."""
    return next((environ[name] for name in DATABASE_VARIABLES if environ.get(name)), None)


def is_postgresql(url: str | None) -> bool:
    """Whether a database URL is one of PostgreSQL; what is not said is SQLite."""
    return url is not None and url.startswith("postgresql")
