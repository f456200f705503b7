"""A real collector's counters tell whether the user's backend took anything."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.domain.errors import DependencyError
from phoenix.services.handover import await_data_flow
from tests.adapters.hosts.support import CONFIG, LONG, launch

pytestmark = pytest.mark.real

SHORT = timedelta(seconds=5)


@contextmanager
def backend(status: int) -> Generator[str]:
    """A server that answers every batch with one status; gives its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def await_flow_to(host, endpoint: str) -> None:
    exporters = f'exporters: {{otlp_http/user: {{endpoint: "{endpoint}"}}, debug: {{}}, prometheus/phoenix'
    config = CONFIG.replace("exporters: {prometheus/phoenix", exporters)
    config = config.replace(
        "exporters: [prometheus/phoenix]", "exporters: [prometheus/phoenix, otlp_http/user, debug]"
    )
    running = host.start_collector("revision-1", launch(config=config), host.acquire("exp-1", LONG))
    await_data_flow(host, running, SHORT, ["otlp_http/user", "debug"])


def test_a_backend_that_takes_the_points_is_data_flow(host):
    with backend(200) as endpoint:
        await_flow_to(host, endpoint)
    assert host.exit_reason("revision-1") is None


def test_a_backend_that_refuses_the_key_is_told_with_its_answer(host):
    with backend(401) as endpoint, pytest.raises(DependencyError) as failure:
        await_flow_to(host, endpoint)
    assert "its exporter otlp_http/user sent no point and gave up" in failure.value.message
    assert "debug" not in failure.value.message
    assert "401" in failure.value.hint
    assert host.collector("revision-1") is None


def test_points_that_are_still_retried_are_not_sent(host):
    with pytest.raises(DependencyError) as failure:
        await_flow_to(host, f"http://127.0.0.1:{free_ports(1)[0]}")
    assert failure.value.message.endswith(": its exporter otlp_http/user sent no point.")
