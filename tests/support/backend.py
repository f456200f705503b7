"""A backend that takes what it is sent."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any


@contextmanager
def receiver(host: str = "127.0.0.1") -> Generator[tuple[str, "Queue[Any]"]]:
    """Gives its address, and the path, headers and size of every request it was sent.

    Args:
        host: Where it listens: loopback, or a network of the tests' own.
    """
    seen: Queue[Any] = Queue()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            seen.put((self.path, dict(self.headers), len(body)))

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer((host, 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{host}:{server.server_port}", seen
        finally:
            server.shutdown()
