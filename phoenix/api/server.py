"""Runs the API: listens, tells where, and ends when it is told to."""

import socket
from collections.abc import Callable

import uvicorn

from phoenix.api.app import create_app
from phoenix.api.options import ServerOptions
from phoenix.composition import Phoenix
from phoenix.domain.errors import DependencyError

GRACE_SECONDS = 10
"""For requests that are under way when the server is told to end."""

_MOST_WAITING = 2048

LONGEST_MESSAGE = 64 * 2**10
"""Of a live client: a subscription to 200 experiments has 4 KiB."""


def serve(phoenix: Phoenix, options: ServerOptions, on_listening: Callable[[str], object]) -> None:
    """Serve until a signal ends it.

    Args:
        phoenix: The services of this installation.
        options: How it listens.
        on_listening: Told the URL at which people reach it, before the first request is answered.

    Raises:
        DependencyError: The address cannot be listened on.
    """
    listening = _listen(options)
    host, port = listening.getsockname()[:2]
    url = options.public_url or f"http://{_in_url(host)}:{port}"
    config = uvicorn.Config(
        create_app(phoenix, options),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        # Compression costs each connection its own dictionaries, and events are short.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="on",
    )
    with listening:
        on_listening(url.rstrip("/"))
        uvicorn.Server(config).run(sockets=[listening])


def _listen(options: ServerOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((options.host, options.port))
        found.listen(_MOST_WAITING)
    except OSError as error:
        found.close()
        raise DependencyError(
            f"Nothing can listen on {options.host}:{options.port}: {error.strerror}.",
            code="port_taken",
            hint="choose another with --port; --port 0 takes any free one",
        ) from error
    return found


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
