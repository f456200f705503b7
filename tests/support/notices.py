"""People who are told: a real HTTP server that Apprise's `json://` posts to, and one that never answers."""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """What was posted, oldest first.

    Attributes:
        url: For PHOENIX_NOTIFY; its path is a secret.
        posts: The bodies.
    """

    SECRET = "s3cr3t-path"  # noqa: S105 - of nobody

    def __init__(self, port: int) -> None:
        self.url = f"json://127.0.0.1:{port}/{self.SECRET}"
        self.posts: list[dict[str, str]] = []

    def titles(self) -> list[str]:
        return [post["title"] for post in self.posts]


@contextmanager
def receiver() -> Generator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def hanging() -> Generator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"json://127.0.0.1:{server.getsockname()[1]}/{Receiver.SECRET}"
