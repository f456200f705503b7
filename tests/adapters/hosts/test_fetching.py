"""HTTP on loopback: kept connections, limits, and words for what goes wrong."""

import threading
from collections.abc import Generator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.adapters.hosts import fetching
from phoenix.adapters.hosts.fetching import Fetcher
from phoenix.domain.errors import DependencyError, SpecError

SECONDS = timedelta(seconds=5)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ports: set[int] = set()  # noqa: RUF012 - one server a test
    dripping = threading.Event()

    def do_GET(self):
        Handler.ports.add(self.client_address[1])
        if self.path == "/drip":
            self.drip()
            return
        body = b"x" * 1000
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/last"

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not Handler.dripping.wait(0.02):
            try:
                self.wfile.write(b"x")
            except OSError:
                return

    def log_message(self, *args):
        pass


@pytest.fixture
def server() -> Generator[str]:
    Handler.ports, Handler.dripping = set(), threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        Handler.dripping.set()
        http.shutdown()
        thread.join()


@pytest.fixture
def fetcher(server) -> Generator[Fetcher]:
    fetcher = Fetcher()
    yield fetcher
    fetcher.forget(f"{server}/")


def test_a_connection_is_kept(fetcher, server):
    assert [len(fetcher.get(f"{server}/a?b=c", SECONDS)) for _ in range(5)] == [1000] * 5
    assert len(Handler.ports) == 1


def test_a_connection_that_the_server_closed_is_opened_anew(fetcher, server):
    for path in ("/", "/last", "/", "/"):
        assert len(fetcher.get(server + path, SECONDS)) == 1000
    assert len(Handler.ports) == 2


def test_another_status_is_an_error_that_tells_it(fetcher, server):
    with pytest.raises(DependencyError, match="404"):
        fetcher.get(f"{server}/missing", SECONDS)


def test_whoever_drips_does_not_hold_us(fetcher, server):
    with pytest.raises(DependencyError, match="timed out"):
        fetcher.get(f"{server}/drip", timedelta(seconds=0.3))


def test_a_body_beyond_the_limit_is_refused(fetcher, server, monkeypatch):
    monkeypatch.setattr(fetching, "MAXIMUM_BODY_BYTES", 999)
    with pytest.raises(DependencyError, match="larger"):
        fetcher.get(server + "/", SECONDS)


def test_nobody_there_is_said(fetcher):
    with pytest.raises(DependencyError, match="does not answer"):
        fetcher.get(f"http://127.0.0.1:{free_ports(1)[0]}/", SECONDS)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:80/",
        "https://127.0.0.1:1/",
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "http://[",
        "http://127.0.0.1:99999/",
    ],
)
def test_only_loopback_is_asked(fetcher, url):
    with pytest.raises(SpecError):
        fetcher.get(url, SECONDS)
