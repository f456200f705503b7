"""Several at once: leases, the active link, free ports, parallel starts and fetches."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from phoenix.adapters.free_ports import free_ports
from phoenix.adapters.hosts import collectors
from phoenix.domain.errors import DependencyError
from tests.adapters.hosts.support import LONG, OTHER_CONFIG, launch, of_folder

pytestmark = pytest.mark.real


def test_processes_that_race_for_the_lease_never_hold_it_together(driver):
    racers = [driver("race", f"exp-{n}", "20") for n in range(3)]
    lines = [line.split() for racer in racers for line in racer.communicate(timeout=60)[0].splitlines()]
    holders = {}
    for fence, _, holder in lines:
        assert holders.setdefault(fence, holder) == holder
    assert len(holders) == 60


def test_readers_never_see_the_host_without_an_active_revision(driver, host, folder, tmp_path):
    lease = host.acquire("exp-1", LONG)
    for place, config in (("revision-1", launch().config), ("revision-2", OTHER_CONFIG)):
        host.start_collector(place, launch(config=config), lease)
    host.activate("revision-1", lease)
    end = tmp_path / "end"
    readers = [driver("readers", str(end)) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for turn in range(150):
        host.activate(f"revision-{1 + turn % 2}", lease)
    end.touch()
    for reader in readers:
        word, looks = reader.communicate(timeout=60)[0].split()
        assert word == "looks"
        assert int(looks) > 50
    host.activate(None, lease)


def test_a_port_that_was_taken_meanwhile_is_replaced(host, monkeypatch):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        offers = iter([(taken, *free_ports(2))] * 2)
        monkeypatch.setattr(
            collectors, "free_ports", lambda machine, count: next(offers, None) or free_ports(count)
        )
        running = host.start_collector("baseline", launch(), host.acquire("exp-1", LONG))
    assert str(taken) not in running.metrics_url
    assert host.fetch(running.metrics_url, timedelta(seconds=5)) is not None


def test_ports_that_are_always_taken_end_in_an_error_that_says_so(host, folder, monkeypatch):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        monkeypatch.setattr(collectors, "free_ports", lambda machine, count: (taken, *free_ports(2)))
        with pytest.raises(DependencyError) as failure:
            host.start_collector("baseline", launch(), host.acquire("exp-1", LONG))
    assert "address already in use" in failure.value.hint
    assert host.collector("baseline") is None
    assert of_folder(folder) == {}


def test_somebody_else_who_answers_on_the_port_is_not_taken_for_the_collector(host, monkeypatch):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        metrics, health = free_ports(2)
        monkeypatch.setattr(collectors, "free_ports", lambda *_: (metrics, server.server_port, health))
        with pytest.raises(DependencyError):
            host.start_collector("baseline", launch(), host.acquire("exp-1", LONG))
        server.shutdown()


def test_both_arms_start_and_answer_at_the_same_time(host):
    lease = host.acquire("exp-1", LONG)
    with ThreadPoolExecutor(2) as pool:
        arms = pool.map(lambda place: host.start_collector(place, launch(), lease), ("baseline", "candidate"))
        urls = [arm.telemetry_url for arm in arms] * 20
        bodies = list(pool.map(lambda url: host.fetch(url, timedelta(seconds=5)), urls))
    assert all(b"otelcol" in body for body in bodies)
